"""Any trained classifier as one from images in [0, 1] to probabilities."""

import math
from collections.abc import Mapping

import keras


def build_image_classifier(
    model: keras.Model,
    image_shape: tuple[int, int, int],
    *,
    input_range: tuple[float, float] = (0.0, 1.0),
    constants: Mapping[str, float] | None = None,
    from_logits: bool = False,
) -> keras.Model:
    """Wraps a classifier so that every part of this package can use it alike.

    Args:
        model: with one image among its inputs, and one output of a value a class, or
            a dict of outputs of which `probs` is that one.
        image_shape: `(height, width, channels)` of the images to come.
        input_range: what the model expects for black and white.
        constants: inputs beside the image: name to the value that fills it.
        from_logits: whether the model's output wants a softmax.

    Returns:
        A model from `image`, `(batch, height, width, channels)` float32 in [0, 1], to
        `probs`, `(batch, num_classes)` float32; it shares the model's layers.

    Raises:
        ValueError: if there is not exactly one image input, its shape does not fit, the
            input range is none, or the output is not as above.
    """
    if isinstance(model, keras.Sequential) and model.built:  # it may lack its `input`
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    constants = constants or {}
    name, expected = find_image_input(model, constants)
    if any(e not in (None, s) for e, s in zip(expected, image_shape, strict=True)):
        raise ValueError(
            f"Invalid value for `image_shape`. Expected {tuple(expected)}, as input "
            f"'{name}' says. Received: image_shape={tuple(image_shape)}"
        )

    low, high = input_range
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        raise ValueError(
            "Invalid value for `input_range`. Expected two different numbers, for "
            f"black and for white. Received: input_range={low:g} {high:g}"
        )

    image = keras.Input(image_shape, name="image")
    x = image
    if (low, high) != (0, 1):
        x = keras.layers.Rescaling(
            high - low, low, dtype="float32", name="input_range"
        )(image)
    inputs = keras.tree.map_structure(
        lambda wanted: (
            x if wanted.name == name else _fill(image, wanted, constants[wanted.name])
        ),
        model.input,
    )
    outputs = model(inputs)
    if isinstance(outputs, dict) and "probs" in outputs:
        outputs = outputs["probs"]
    if not keras.utils.is_keras_tensor(outputs) or len(outputs.shape) != 2:
        raise ValueError(
            "Invalid value for `model`. Expected one output (num_classes,), or one "
            f"named 'probs'. Received: {outputs}"
        )
    if outputs.shape[-1] < 2:
        raise ValueError(
            "Invalid value for `model`. Expected an output of at least 2 classes. "
            f"Received: shape={tuple(outputs.shape[1:])}"
        )
    if from_logits:
        outputs = keras.layers.Softmax(dtype="float32", name="probs")(outputs)
    elif outputs.dtype != "float32":
        outputs = keras.layers.Activation("linear", dtype="float32")(outputs)
    return keras.Model(image, outputs, name="image_classifier")


def find_image_input(
    model: keras.Model, constants: Mapping[str, float]
) -> tuple[str, tuple[int | None, int | None, int]]:
    """Finds the one input that no constant fills.

    Args:
        model: a functional or Sequential model.
        constants: the other inputs' names and values.

    Returns:
        Its name, and `(height, width, channels)`; a size may be None, for any.

    Raises:
        ValueError: if it is not the only one, or no image.
    """
    if getattr(model, "inputs", None) is None:
        raise ValueError(
            "Invalid value for `model`. Expected a functional or Sequential model. "
            f"Received: a {type(model).__name__} named {model.name!r}"
        )
    shapes = {x.name: tuple(x.shape[1:]) for x in model.inputs}
    images = {name: shape for name, shape in shapes.items() if name not in constants}
    if len(images) != 1 or not set(constants) <= set(shapes):
        raise ValueError(
            "Invalid value for `constants`. Expected one for every input but the "
            f"image. Received: {', '.join(constants) or 'none'} for the inputs "
            f"{', '.join(shapes)}"
        )
    name, shape = images.popitem()
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise ValueError(
            "Invalid value for `model`. Expected an input that is an image, (height, "
            f"width, 1 or 3 channels). Received: '{name}' of shape {shape}"
        )
    return name, shape


def _fill(
    image: keras.KerasTensor, wanted: keras.KerasTensor, value: float
) -> keras.KerasTensor:
    """Returns a tensor of the wanted shape, filled, one row an image."""
    shape = wanted.shape[1:]
    column = keras.ops.full_like(image[:, :1, 0, 0], value, dtype=wanted.dtype)
    flat = keras.ops.repeat(column, math.prod(shape), axis=1)
    return keras.ops.reshape(flat, (-1, *shape))
