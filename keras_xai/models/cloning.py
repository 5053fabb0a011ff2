"""Copies of a model's layers."""

import keras


def clone_unfrozen(model: keras.Model) -> keras.Model:
    """Builds a model of the same layers with fresh weights, none of them frozen.

    Args:
        model: a functional or Sequential model; layers of models inside are copied too.
    """
    return keras.models.clone_model(model, clone_function=_clone, recursive=True)


def _clone(layer: keras.Operation) -> keras.Operation:
    """Clones a layer; the weights of one built frozen could not be unfrozen later."""
    config = layer.get_config()
    if "trainable" in config:
        config["trainable"] = True
    return layer.__class__.from_config(config)
