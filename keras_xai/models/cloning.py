"""Copies of a model's layers."""

import keras

from keras_xai.models.taps import is_graph

# Of these, all do nothing at inference; RandomCrop crops or resizes even then.
AUGMENTATION = tuple(
    layer
    for name, layer in vars(keras.layers).items()
    if name.startswith("Rand") and layer is not keras.layers.RandomCrop
)


def clone_unfrozen(model: keras.Model) -> keras.Model:
    """Builds a model of the same layers with fresh weights, none of them frozen.

    Args:
        model: a functional or Sequential model; layers of models inside are copied too.
    """
    return keras.models.clone_model(model, clone_function=_clone, recursive=True)


def list_augmentation(model: keras.Model) -> list[keras.layers.Layer]:
    """Lists the layers that change images at random in training, those inside too."""
    found = [layer for layer in model.layers if isinstance(layer, AUGMENTATION)]
    for layer in model.layers:
        if is_graph(layer):
            found += list_augmentation(layer)
    return found


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

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def _clone(layer: keras.Operation) -> keras.Operation:
    """Clones a layer; the weights of one built frozen could not be unfrozen later."""
    config = layer.get_config()
    if "trainable" in config:
        config["trainable"] = True
    return layer.__class__.from_config(config)
