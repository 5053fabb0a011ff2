"""Models in `.keras` files."""

from pathlib import Path

import keras

from keras_xai.errors import InputError


def load_model(path: Path) -> keras.Model:
    """Loads a `.keras` file, uncompiled.

    Returns:
        The model; a Sequential one as a functional one of the same layers, because a
        loaded Sequential model does not know its `input`.

    Raises:
        InputError: if the file is missing, broken, or needs code that is not there.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a saved Keras model.")
    try:
        model = keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise InputError(
            f"{path} cannot be loaded; expected a model of built-in layers, saved by "
            f"Keras 3. Received: {_reason(str(error))}"
        ) from None
    if isinstance(model, keras.Sequential) and model.built:
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _reason(text: str) -> str:
    """Returns the first line of Keras' innermost reason."""
    *_, innermost = text.rpartition("Exception encountered: ")
    line = next(iter(innermost.strip().splitlines()), "no reason")
    return line.partition(" Full object config:")[0]
