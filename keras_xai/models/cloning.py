"""Copies of a model's layers."""

from collections.abc import Callable

import keras

from keras_xai.models.taps import is_graph

# None of these does anything at inference, not even RandomCrop.
AUGMENTATION = (
    *(layer for name, layer in vars(keras.layers).items() if name.startswith("Rand")),
    keras.layers.AugMix,
    keras.layers.CutMix,
    keras.layers.Equalization,
    keras.layers.MixUp,
    keras.layers.Solarization,
)


def clone_layers(
    model: keras.Model, clone: Callable[[keras.Operation], keras.Operation]
) -> keras.Model:
    """Builds a model of copies of another's layers, with fresh weights.

    What `Normalization` layers were adapted to is kept: it was counted, not learned,
    and a training does not bring it back.

    Args:
        model: a functional or Sequential model; layers of models inside are copied too.
        clone: from a layer to its copy.
    """
    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    kind = keras.layers.Normalization
    for old, new in zip(list_layers(model, kind), list_layers(copy, kind), strict=True):
        new.set_weights(old.get_weights())
        new.finalize_state()  # what it computes with are constants
    return copy


def clone_unfrozen(model: keras.Model) -> keras.Model:
    """Builds a model as `clone_layers` does, with no layer frozen.

    Args:
        model: a functional or Sequential model.
    """
    copy = clone_layers(model, _clone)
    copy.trainable = False  # or Keras would not pass on what the copy may already be
    copy.trainable = True  # to a Sequential model inside, which is cloned frozen
    return copy


def list_augmentation(model: keras.Model) -> list[keras.layers.Layer]:
    """Lists the layers that change images at random in training, those inside too."""
    return list_layers(model, AUGMENTATION)


def without_augmentation(model: keras.Model) -> keras.Model:
    """Takes out the layers that change images at random in training.

    What is trained on such a model's features, or multiplied into them, belongs to the
    image as it is, not to one that was flipped on the way.

    Args:
        model: a functional or Sequential model.

    Returns:
        The model, if it has no such layer; else a copy with the same weights.
    """
    if not list_augmentation(model):
        return model

    def clone(layer: keras.Operation) -> keras.Operation:
        if isinstance(layer, AUGMENTATION):
            return keras.layers.Identity(name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    copy = clone_layers(model, clone)
    copy.set_weights(model.get_weights())
    return copy


def _clone(layer: keras.Operation) -> keras.Operation:
    """Clones a layer; the weights of one built frozen could not be unfrozen later."""
    config = layer.get_config()
    if "trainable" in config:
        config["trainable"] = True
    return layer.__class__.from_config(config)


def list_layers(
    model: keras.Model, kind: type | tuple[type, ...]
) -> list[keras.layers.Layer]:
    """Lists the layers of a kind, those inside models last."""
    found = [layer for layer in model.layers if isinstance(layer, kind)]
    for layer in model.layers:
        if is_graph(layer):
            found += list_layers(layer, kind)
    return found
