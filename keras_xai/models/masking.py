"""A mask multiplied in at chosen layers of any classifier, and taken out again."""

import re
from collections.abc import Collection, Iterator
from typing import Any, Literal

import keras

from keras_xai.models.cloning import list_augmentation
from keras_xai.models.taps import is_graph, layer_names

SUFFIX = "_mask"  # of the name of a multiplication with the mask


def insert_mask(
    classifier: keras.Model,
    at: Collection[str],
    *,
    mask_pooling: Literal["max", "average"] = "max",
) -> keras.Model:
    """Builds a classifier whose features are multiplied by a mask at named layers.

    Where the features are smaller than the mask, the mask is pooled to their size. The
    new model shares every layer with `classifier`.

    Args:
        classifier: a functional or Sequential model with one input, an image of fixed
            size; a layer may also be inside a model that it contains.
        at: names of the layers whose outputs to multiply; each a feature map.
        mask_pooling: how the mask is made smaller: "max" keeps thin lines alive,
            "average" lets them fade.

    Returns:
        A model named "classifier" from `image`, as `classifier` takes it, and `mask`,
        `(batch, height, width, 1)` float32 in [0, 1], to what `classifier` gives.

    Raises:
        ValueError: if there is no such layer, or its output is no feature map whose
            height and width a pooling of the mask can reach.

    Reference:
        [IbPRIA19] Sec. 2.1, here for any classifier.
    """
    check_layers(classifier, at)
    taken = sorted({name + SUFFIX for name in at} & set(layer_names(classifier)))
    if taken:
        raise ValueError(
            f"Invalid value for `at`. Expected layers whose name with {SUFFIX!r} is "
            f"free for the multiplication. Received: a model with {taken[0]!r}"
        )
    if mask_pooling not in ("max", "average"):
        raise ValueError(
            "Invalid value for `mask_pooling`. Expected 'max' or 'average'. "
            f"Received: mask_pooling={mask_pooling!r}"
        )
    shape = classifier.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise ValueError(
            "Invalid value for `classifier`. Expected one input, an image of fixed "
            f"size. Received: inputs of shape {shape}"
        )
    random = [layer.name for layer in list_augmentation(classifier)]
    if random:
        raise ValueError(
            "Invalid value for `classifier`. Expected no layer that moves or recolours "
            "images at random, which the mask would not follow: see "
            f"`without_augmentation`. Received: {', '.join(random)}"
        )
    image = classifier.inputs[0]
    masked = _insert(classifier, image, set(at), shape[1:3], mask_pooling)
    return keras.Model(masked.input, masked.output, name="classifier")


def check_layers(classifier: keras.Model, at: Collection[str]) -> None:
    """Makes sure that a classifier has the layers that a mask shall be inserted at.

    Raises:
        ValueError: if it lacks one, or none is wanted; the message lists its feature
            maps.
    """
    unknown = sorted(set(at) - set(layer_names(classifier)))
    if unknown or not at:
        known = ", ".join(dict.fromkeys(_feature_maps(classifier)))
        raise ValueError(
            f"Invalid value for `at`. Expected some of: {known}. "
            f"Received: {', '.join(unknown) or 'none'}"
        )


def remove_mask(masked: keras.Model) -> keras.Model:
    """Builds the classifier under a white mask, from the same layers.

    Multiplying by one is the identity, so the mask and its multiplications are left
    out: what remains is a classifier with the image as its single input.

    Args:
        masked: a model from `insert_mask` or `build_classifier`.

    Returns:
        A model from `image` to what `masked` gives; it shares every weight.
    """

    def call(layer: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if _multiplies_mask(layer, *args):
            return args[0][0]
        if is_graph(layer) and isinstance(args[0], dict) and "mask" in args[0]:
            return remove_mask(layer)(args[0]["image"])
        return layer(*args, **kwargs)

    inputs = {name: _input_like(x, name) for name, x in masked.input.items()}
    copy = keras.models.clone_model(
        masked,
        input_tensors=inputs,
        clone_function=lambda layer: layer,
        call_function=call,
    )
    return keras.Model(inputs["image"], copy.output, name=f"unmasked_{masked.name}")


def _multiplies_mask(layer: Any, *args: Any) -> bool:
    """Tells our multiplications from a classifier's own, which may be named alike."""
    if not isinstance(layer, keras.layers.Multiply) or not layer.name.endswith(SUFFIX):
        return False
    source = args[0][1]._keras_history.operation.name
    return re.fullmatch(r"mask|mask\d+_pool|mask_pool\d+x\d+", source) is not None


def _feature_maps(model: keras.Model) -> Iterator[str]:
    """Yields the names of layers that give a feature map, in the network's order."""
    for layer in model.layers:
        if is_graph(layer):
            yield from _feature_maps(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            if len(getattr(layer.output, "shape", ())) == 4:
                yield layer.name


def _insert(
    model: keras.Model,
    wanted: Any,
    at: set[str],
    mask_size: tuple[int, int],
    mask_pooling: str,
) -> keras.Model:
    """Inserts the mask into one graph for inputs like the wanted, and into inner ones.

    A model inside may take any size; here it takes that of its input.
    """
    image = _input_like(wanted, "image")
    mask = keras.Input((*mask_size, 1), name="mask")
    # Until the graph is whole, its mask has to come from its only input.
    stand_in = keras.layers.UpSampling2D(mask_size)(image[:, :1, :1, :1])
    own = {layer.name for layer in model.layers} & at
    pooled = {mask_size: stand_in}

    def call(layer: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if layer.name in own:
            features = layer(*args, **kwargs)
            resized = _resize(stand_in, features, layer.name, mask_pooling, pooled)
            return keras.layers.Multiply(name=layer.name + SUFFIX)([features, resized])
        if is_graph(layer) and at & set(layer_names(layer)):
            inner = _insert(layer, args[0], at, mask_size, mask_pooling)
            return inner({"image": args[0], "mask": stand_in})
        return layer(*args, **kwargs)

    if isinstance(model, keras.Sequential):
        output = image
        for layer in model.layers:
            output = call(layer, output)
    else:
        output = keras.models.clone_model(
            model,
            input_tensors=image,
            clone_function=lambda layer: layer,
            call_function=call,
        ).output
    draft = keras.Model([image, stand_in], output)
    inputs = {"image": _input_like(image, "image"), "mask": mask}
    final = keras.models.clone_model(
        draft, input_tensors=list(inputs.values()), clone_function=lambda layer: layer
    )
    return keras.Model(inputs, final.output, name=model.name)


def _resize(
    mask: Any,
    features: Any,
    layer_name: str,
    mask_pooling: str,
    pooled: dict[tuple[int, int], Any],
) -> Any:
    """Pools the mask to the size of features, once for each size."""
    if len(features.shape) != 4:
        raise ValueError(
            "Invalid value for `at`. Expected layers whose output is a feature map "
            "(batch, height, width, channels). "
            f"Received: '{layer_name}' with output {tuple(features.shape)}"
        )
    size, mask_size = tuple(features.shape[1:3]), tuple(mask.shape[1:3])
    if size not in pooled:
        strides = tuple(
            -(-whole // part) for whole, part in zip(mask_size, size, strict=True)
        )
        pooling = {
            "max": keras.layers.MaxPooling2D,
            "average": keras.layers.AveragePooling2D,
        }[mask_pooling]
        resized = pooling(
            strides, padding="same", name=f"mask_pool{size[0]}x{size[1]}"
        )(mask)
        if tuple(resized.shape[1:3]) != size:
            raise ValueError(
                "Invalid value for `at`. Expected a feature map of the mask's size, "
                f"{mask_size[0]}x{mask_size[1]}, divided by a whole number. "
                f"Received: '{layer_name}' with {size[0]}x{size[1]}"
            )
        pooled[size] = resized
    return pooled[size]


def _input_like(tensor: Any, name: str) -> Any:
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
