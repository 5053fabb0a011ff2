"""What a stage trains, from which losses, and where its explainer starts."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras

from keras_xai import losses
from keras_xai.models.joint import build_mask_conv_model, build_white_mask_model
from keras_xai.models.taps import is_graph
from keras_xai.training.config import JointConfig, Stage

OPTIMIZERS = {
    "adadelta": partial(keras.optimizers.Adadelta, rho=0.95, epsilon=1e-7),
    "adam": keras.optimizers.Adam,
}


def list_frozen(model: keras.Model) -> list[keras.layers.Layer]:
    """Lists the layers that are frozen before a training, those inside models too."""
    frozen = [layer for layer in model.layers if not layer.trainable]
    for layer in model.layers:
        if is_graph(layer):
            frozen += list_frozen(layer)
    return frozen


def thaw(part: keras.Model, frozen: Sequence[keras.layers.Layer]) -> None:
    """Makes a part trainable, but for the layers that its user has frozen.

    Args:
        part: a joint model, or one of the two in it.
        frozen: from `list_frozen`, of the joint model.
    """
    part.trainable = False  # or Keras would not pass on what the part already is
    part.trainable = True
    for layer in frozen:
        layer.trainable = False


def compile_stage(
    model: keras.Model,
    config: JointConfig,
    stage: Stage,
    frozen: Sequence[keras.layers.Layer] = (),
) -> tuple[keras.Model, keras.Variable]:
    """Freezes what a stage does not train, and compiles its graph anew.

    Args:
        model: a model from `build_joint`; its parts' `trainable` changes.
        config: the choices.
        stage: one of its stages.
        frozen: layers that no stage trains.

    Returns:
        The graph to fit, which is `model` or shares its weights, and the price of a
        unit of mask as a variable, which a ramp may change.
    """
    for name in ("explainer", "classifier"):
        part = model.get_layer(name)
        if name in stage.trains:
            thaw(part, frozen)
        else:
            part.trainable = False
    height, width, _ = model.input_shape[1:]
    l1_price = keras.Variable(
        config.l1_weight(stage, 0, height * width), trainable=False, dtype="float32"
    )

    if stage.white_mask:
        graph = build_white_mask_model(model)
    else:
        graph = model if config.l1_of == "mask" else build_mask_conv_model(model)
    stage_losses: dict[str, Any] = {"probs": "sparse_categorical_crossentropy"}
    metrics: dict[str, Any] = {"probs": ["accuracy"]}
    if not stage.white_mask:
        stage_losses |= _mask_losses(config, stage, l1_price)
        metrics["mask"] = [getattr(losses, name) for name in stage.mask_losses]

    learning_rate = stage.learning_rate
    if stage.schedule == "cosine":
        learning_rate = keras.optimizers.schedules.CosineDecay(
            stage.learning_rate, stage.epochs * stage.steps_per_epoch
        )
    optimizer = OPTIMIZERS[stage.optimizer](learning_rate)
    graph.compile(optimizer, loss=stage_losses, metrics=metrics)
    optimizer.build(graph.trainable_variables)
    return graph, l1_price


def _mask_losses(
    config: JointConfig, stage: Stage, l1_price: keras.Variable
) -> dict[str, Any]:
    """Returns the losses of the outputs that are masks."""

    def l1(target: Any, mask: Any) -> Any:
        return l1_price * losses.l1(target, mask)

    def weighted_sum(target: Any, mask: Any) -> Any:
        terms = [
            weight * getattr(losses, name)(target, mask)
            for name, weight in stage.mask_losses.items()
        ]
        return sum(terms, start=l1(target, mask) if config.l1_of == "mask" else 0.0)

    if config.l1_of == "mask":
        return {"mask": weighted_sum}
    if stage.mask_losses:
        return {"mask": weighted_sum, "mask_conv": l1}
    return {"mask_conv": l1}


def copy_features(classifier: keras.Model, explainer: keras.Model) -> None:
    """Starts the explainer's down path from the classifier's convolutions.

    Both have conv-conv-pool stages; what tells the classes apart in one is a good
    start for finding them in the other.

    Args:
        classifier: a trained model from `build_classifier`.
        explainer: a model from `build_explainer`, changed in place.

    Raises:
        ValueError: if the two have different numbers of filters.
    """
    for layer in explainer.layers:
        if layer.name.startswith("down") and "conv" in layer.name:
            source = classifier.get_layer(layer.name.replace("down", "block"))
            layer.set_weights(source.get_weights())
