"""A Keras 3 classifier as a list of plain layers that another program can rebuild."""

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_xai.errors import InputError
from keras_xai.models.cloning import clone_layers


@dataclasses.dataclass(frozen=True)
class Layer:
    """One call of a layer."""

    class_name: str
    config: dict[str, Any]  # keyword arguments of the class, ready for JSON
    inputs: list[int]  # positions: 0 is the image, i the output of the i-th layer
    weights: list[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Network:
    """A classifier from `scale * image + offset` to logits.

    The logits are centred: for every image they sum to zero over the classes. That
    leaves the probabilities as they are, and takes from each logit what says nothing
    about its class.
    """

    layers: list[Layer]  # the last one computes the logits
    scale: np.ndarray  # a number, or one a channel
    offset: np.ndarray

    @property
    def activations(self) -> list[str]:
        """The activations in use, by Keras' names of functions or layers, sorted.

        A ReLU with a ceiling or another threshold is one; a leaky one is none.
        """
        return sorted(set(map(_name_activation, self.layers)) - {"linear"})


_CONVOLUTION = (
    "kernel_size",
    "strides",
    "padding",
    "dilation_rate",
    "activation",
    "use_bias",
)
# What a layer is made of, by the names that Keras 2 and Keras 3 share.
_KNOWN: dict[type[keras.layers.Layer], tuple[str, ...]] = {
    keras.layers.Activation: ("activation",),
    keras.layers.Add: (),
    keras.layers.Average: (),
    keras.layers.AveragePooling2D: ("pool_size", "strides", "padding"),
    keras.layers.BatchNormalization: ("axis", "epsilon", "center", "scale"),
    keras.layers.Concatenate: ("axis",),
    keras.layers.Conv2D: ("filters", *_CONVOLUTION),
    keras.layers.Cropping2D: ("cropping",),
    keras.layers.Dense: ("units", "activation", "use_bias"),
    keras.layers.DepthwiseConv2D: ("depth_multiplier", *_CONVOLUTION),
    keras.layers.ELU: ("alpha",),
    keras.layers.Flatten: (),
    keras.layers.GlobalAveragePooling2D: (),
    keras.layers.GlobalMaxPooling2D: (),
    keras.layers.LeakyReLU: ("alpha",),
    keras.layers.Maximum: (),
    keras.layers.MaxPooling2D: ("pool_size", "strides", "padding"),
    keras.layers.Minimum: (),
    keras.layers.Multiply: (),
    keras.layers.Permute: ("dims",),
    keras.layers.PReLU: ("shared_axes",),
    keras.layers.ReLU: ("max_value", "negative_slope", "threshold"),
    keras.layers.Reshape: ("target_shape",),
    keras.layers.SeparableConv2D: ("filters", "depth_multiplier", *_CONVOLUTION),
    keras.layers.Subtract: (),
    keras.layers.UpSampling2D: ("size", "interpolation"),
    keras.layers.ZeroPadding2D: ("padding",),
}
_FIXED = {"data_format": "channels_last", "groups": 1, "keepdims": False}
_ACTIVATIONS = ("elu", "linear", "relu", "sigmoid", "softmax", "softplus", "tanh")
_IDENTITIES = (  # at inference
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.SpatialDropout2D,
)


def extract_network(model: keras.Model) -> Network:
    """Takes a classifier apart, for a program that cannot load it.

    Models inside the model are flattened; layers that do nothing at inference are left
    out; a `Rescaling` or `Normalization` of the image becomes `scale` and `offset`, and
    BatchNormalization part of a convolution or Dense layer just before it; the softmax
    goes. A layer that is called twice is there twice.

    Args:
        model: a functional or Sequential classifier with one image as input, ending in
            a Dense layer with softmax, or in one without and a softmax layer.

    Returns:
        The network; computed in float32, whatever the model's dtype policy.

    Raises:
        InputError: if the model has another form, or a layer that iNNvestigate does
            not know; the message names the layer.

    Notes:
        BatchNormalization that does not follow such a layer directly stays. With it
        smoothgrad and integrated_gradients fail, and LRP does not conserve relevance.
    """
    ends = [len(_graph_ends(model, name)) for name in ("inputs", "outputs")]
    if ends != [1, 1]:
        raise InputError(
            "Expected a functional or Sequential classifier with one input and one "
            f"output. Received: a {type(model).__name__} named '{model.name}' with "
            f"{ends[0]} and {ends[1]}."
        )
    layers: list[Layer] = []
    scale, offset = np.ones((), np.float32), np.zeros((), np.float32)

    def locate(tensor: keras.KerasTensor, positions: dict[int, int]) -> int:
        """Returns a tensor's position, appending to `layers` what it takes."""
        nonlocal scale, offset
        if id(tensor) in positions:
            return positions[id(tensor)]
        layer, node_index, tensor_index = tensor._keras_history
        node = layer._inbound_nodes[node_index]
        inputs = []
        for source_tensor in node.input_tensors:  # one stack frame a layer
            inputs.append(locate(source_tensor, positions))
        if _graph_ends(layer, "outputs"):
            inner = dict(zip(map(id, layer.inputs), inputs, strict=True))
            position = locate(layer.outputs[tensor_index], inner)
        elif inputs == [0] and (rescaling := _read_rescaling(layer)) is not None:
            factor, shift = rescaling
            scale, offset = scale * factor, offset * factor + shift
            position = 0
        elif isinstance(layer, _IDENTITIES):
            (position,) = inputs
        else:
            source = layers[inputs[0] - 1] if inputs[0] else None
            layers.append(_fold(layer, source) or _translate(layer, inputs))
            position = len(layers)
        positions[id(tensor)] = position
        return position

    locate(model.outputs[0], {id(model.inputs[0]): 0})
    return Network(
        _without_softmax(_without_unused(layers)), np.asarray(scale), np.asarray(offset)
    )


def build_float32(model: keras.Model) -> keras.Model:
    """Builds a copy of a model that computes in float32 throughout.

    It gives the probabilities by which an extracted network is checked; those of a
    model with a mixed dtype policy are too coarse.

    Args:
        model: a functional or Sequential model.

    Returns:
        A model with the same weights and another dtype policy.
    """

    copy = build_untrained_float32(model)
    copy.set_weights(model.get_weights())
    return copy


def build_untrained_float32(model: keras.Model) -> keras.Model:
    """Builds a model of the same layers in float32, with weights drawn anew.

    What was not learned stays: see `clone_layers`.

    Args:
        model: a functional or Sequential model.

    Returns:
        A model whose weights come from its layers' initializers and Keras' global seed.
    """

    def clone(layer: keras.Operation) -> keras.Operation:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Layer):  # an operation has no dtype
            config["dtype"] = "float32"
        for value in config.values():
            if isinstance(value, dict) and "seed" in value.get("config", ()):
                value["config"]["seed"] = None  # an initializer's own
        return type(layer).from_config(config)

    return clone_layers(model, clone)


def _name_activation(layer: Layer) -> str:
    if layer.class_name == "ReLU":
        return "LeakyReLU" if layer.config["negative_slope"] else "relu"
    if layer.class_name in ("ELU", "LeakyReLU", "PReLU"):
        return layer.class_name
    return layer.config.get("activation", "linear")


def _graph_ends(layer: keras.Operation, name: str) -> list:
    """Returns a model's inputs or outputs; of a layer without a graph, none."""
    return (isinstance(layer, keras.Model) and getattr(layer, name, None)) or []


def _read_rescaling(
    layer: keras.Operation,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns what a layer multiplies channels by and adds, if it does no more."""
    if isinstance(layer, keras.layers.Rescaling):
        return np.asarray(layer.scale, "f4"), np.asarray(layer.offset, "f4")
    if not isinstance(layer, keras.layers.Normalization):
        return None
    mean, variance = (
        np.asarray(values, np.float32) for values in (layer.mean, layer.variance)
    )
    if max(mean.shape[:-1], default=1) > 1:  # of more than the channels
        return None
    mean, deviation = mean.ravel(), np.sqrt(variance).ravel()
    deviation = np.maximum(deviation, keras.config.epsilon())
    if layer.invert:
        return deviation, mean
    return 1 / deviation, -mean / deviation


def _translate(layer: keras.Operation, inputs: list[int]) -> Layer:
    config = layer.get_config() if isinstance(layer, keras.layers.Layer) else {}
    kind = type(layer)
    if kind is keras.layers.ReLU and _is_plain_relu(config):
        kind, config = keras.layers.Activation, {"activation": "relu"}
    elif kind is keras.layers.LeakyReLU:
        config = config | {"alpha": config["negative_slope"]}  # Keras 2's name
    elif kind is keras.layers.Softmax and config["axis"] == -1:
        kind, config = keras.layers.Activation, {"activation": "softmax"}
    if kind not in _KNOWN:
        raise InputError(
            f"Layer '{layer.name}' is a {type(layer).__name__}, which iNNvestigate "
            f"cannot explain here; masks and decoders need no more than its output. "
            f"Expected one of: {', '.join(sorted(k.__name__ for k in _KNOWN))}, one "
            "that does nothing at inference, or Rescaling or Normalization at the "
            "image."
        )
    for key, expected in _FIXED.items():
        if config.get(key, expected) != expected:
            raise InputError(
                f"Layer '{layer.name}' ({kind.__name__}) has {key}={config[key]!r}; "
                f"expected {expected!r}."
            )
    if config.get("activation", "linear") not in _ACTIVATIONS:
        raise InputError(
            f"Layer '{layer.name}' ({kind.__name__}) has the activation "
            f"{config['activation']!r}; expected one of: {', '.join(_ACTIVATIONS)}."
        )
    return Layer(
        kind.__name__,
        {key: config[key] for key in _KNOWN[kind]},
        inputs,
        [np.asarray(weight, np.float32) for weight in layer.get_weights()],
    )


def _fold(layer: keras.Operation, source: Layer | None) -> Layer | None:
    """Returns the source with the layer's normalisation in its weights, if it can be.

    iNNvestigate's rules for BatchNormalization do not conserve relevance.
    """
    if (
        type(layer) is not keras.layers.BatchNormalization
        or source is None
        or source.class_name not in ("Conv2D", "Dense", "DepthwiseConv2D")
        or source.config["activation"] != "linear"
        or layer.axis not in (-1, layer.input_spec.ndim - 1)
    ):
        return None
    mean, variance = (
        np.asarray(weight, np.float64)
        for weight in (layer.moving_mean, layer.moving_variance)
    )
    gamma = np.asarray(layer.gamma) if layer.scale else 1.0
    beta = np.asarray(layer.beta) if layer.center else 0.0
    kernel, *biases = source.weights
    factor = gamma / np.sqrt(variance + layer.epsilon)
    bias = (sum(biases) - mean) * factor + beta
    if source.class_name == "DepthwiseConv2D":
        factor = factor.reshape(kernel.shape[2:])  # channels, multiplier
    return dataclasses.replace(
        source,
        config={**source.config, "use_bias": True},
        weights=[(kernel * factor).astype(np.float32), bias.astype(np.float32)],
    )


def _without_unused(layers: list[Layer]) -> list[Layer]:
    """Returns the layers that lead to the last one, in the same order."""
    used = {len(layers)}
    for position in range(len(layers), 0, -1):
        if position in used:
            used.update(layers[position - 1].inputs)
    renumbered = {old: new for new, old in enumerate(sorted(used | {0}))}
    kept = (layers[position - 1] for position in sorted(used - {0}))
    return [
        dataclasses.replace(layer, inputs=[renumbered[i] for i in layer.inputs])
        for layer in kept
    ]


def _is_plain_relu(config: dict[str, Any]) -> bool:
    return not any(config[k] for k in ("max_value", "negative_slope", "threshold"))


def _without_softmax(layers: list[Layer]) -> list[Layer]:
    """Returns layers that end in centred logits instead of probabilities."""
    *others, last = layers
    softmax = last.config.get("activation")
    if last.class_name == "Activation" and others:
        *others, last = others
        has_softmax = softmax == "softmax" and last.config["activation"] == "linear"
    else:
        has_softmax = softmax == "softmax"
    if last.class_name != "Dense" or not has_softmax:
        raise InputError(
            "Expected a classifier that ends in a Dense layer with softmax. "
            f"Received: one that ends in {layers[-1].class_name}"
            f"({', '.join(f'{k}={v!r}' for k, v in layers[-1].config.items())})."
        )
    logits = dataclasses.replace(
        last,
        config={**last.config, "activation": "linear"},
        weights=[w - w.mean(axis=-1, keepdims=True) for w in last.weights],
    )
    return [*others, logits]
