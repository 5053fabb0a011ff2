"""The part of a trained classifier up to a layer of one's choice."""

from collections.abc import Iterator
from typing import Any

import keras


def build_encoder(classifier: keras.Model, layer_name: str) -> keras.Model:
    """Builds the model from a classifier's input to the output of a named layer.

    It shares the classifier's layers, and with them its weights.

    Args:
        classifier: a functional or Sequential model; the layer may also be inside one
            that it contains, such as a pretrained backbone.
        layer_name: name of the layer, looked for in the outer model first.

    Returns:
        A model from the classifier's inputs to the layer's output.

    Raises:
        ValueError: if there is no such layer, it is used more than once, has several
            outputs, or the classifier is a subclassed model.

    Reference:
        [IDA21] Sec. 2: "all layers of a classifier up to a user-specified layer L".
    """
    names = list(dict.fromkeys(layer_names(classifier)))
    if layer_name not in names:
        raise ValueError(
            "Invalid value for `layer_name`. Expected one of: "
            f"{', '.join(names)}. Received: layer_name={layer_name!r}"
        )
    inputs, outputs = _run(classifier, layer_name)
    if len(outputs) != 1 or not keras.utils.is_keras_tensor(outputs[0]):
        raise ValueError(
            "Invalid value for `layer_name`. Expected a layer with a single output "
            "that is used once. "
            f"Received: layer_name={layer_name!r}, with outputs {outputs}"
        )
    return keras.Model(inputs, outputs[0], name="encoder")


def keep_units(encoder: keras.Model, units: tuple[int, ...]) -> keras.Model:
    """Builds an encoder whose code is zero but for some units.

    Args:
        encoder: a model from `build_encoder`.
        units: positions on the code's last axis: units of a flat code, channels of a
            spatial one.

    Returns:
        A model with the shapes of `encoder`, sharing its layers.

    Raises:
        ValueError: if a unit does not exist.

    Reference:
        [IDA21] Sec. 7: "to look at subsets of layer activations".
    """
    num_units = encoder.output_shape[-1]
    if not units or not all(0 <= unit < num_units for unit in units):
        raise ValueError(
            f"Invalid value for `units`. Expected some of 0 to {num_units - 1}. "
            f"Received: units={tuple(units)}"
        )
    kept = [float(unit in units) for unit in range(num_units)]
    code = keras.layers.Rescaling(kept, name="units")(encoder.output)
    return keras.Model(encoder.input, code, name="encoder")


def _run(model: keras.Model, layer_name: str) -> tuple[Any, list]:
    """Runs the graph on new inputs; returns them and what each call of the layer gave.

    `Layer.output` would be simpler, but that of an inner model's layer belongs to the
    inner model's own inputs.
    """
    outputs = []
    is_own = any(layer.name == layer_name for layer in model.layers)

    def call(layer: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        result = layer(*args, **kwargs)
        if layer.name == layer_name:
            outputs.append(result)
        elif not is_own and is_graph(layer) and layer_name in layer_names(layer):
            outputs.append(build_encoder(layer, layer_name)(args[0]))
        return result

    if isinstance(model, keras.Sequential):
        inputs = keras.Input(model.input_shape[1:], dtype=model.inputs[0].dtype)
        x = inputs
        for layer in model.layers:
            x = call(layer, x)
        return inputs, outputs
    copy = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )
    return copy.input, outputs


def layer_names(model: keras.Model) -> Iterator[str]:
    """Yields the names of a model's layers but its inputs, those inside others last.

    Raises:
        ValueError: if the model is neither functional nor Sequential.
    """
    if not is_graph(model):
        raise ValueError(
            "Invalid value for `classifier`. Expected a functional or Sequential "
            f"model. Received: a {type(model).__name__} named {model.name!r}"
        )
    layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    yield from (layer.name for layer in layers)
    for layer in layers:
        if is_graph(layer):
            yield from layer_names(layer)


def is_graph(layer: keras.layers.Layer) -> bool:
    """Whether a layer is itself a model whose graph is known."""
    return isinstance(layer, keras.Model) and getattr(layer, "inputs", None) is not None
