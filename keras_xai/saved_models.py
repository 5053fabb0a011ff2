"""Models in `.keras` files."""

import importlib.util
import inspect
import sys
from pathlib import Path

import keras

from keras_xai.errors import InputError


def load_model(path: Path) -> keras.Model:
    """Loads a `.keras` file, uncompiled.

    Raises:
        InputError: if the file is missing, broken, or needs code that is not there.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a saved Keras model.")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise InputError(
            f"{path} cannot be loaded; expected a model of built-in layers or those of "
            f"--custom-objects, saved by Keras 3. Received: {_reason(str(error))}"
        ) from None


def register_custom_objects(path: Path) -> None:
    """Runs a Python file and makes its classes and functions known to `load_model`.

    Those that it imports, from files beside it or elsewhere, are known too.

    Args:
        path: the file in which a model's own layers, activations and the like are
            defined. It is code and is run as such: it should be the user's own.

    Raises:
        InputError: if it is missing, no Python, or stops with an exception.
    """
    name = f"custom_objects_of_{path.stem}"  # which hides no module
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"{path} is no Python file; expected one that defines layers.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))  # for what it imports
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"{path} cannot be run; expected a Python file that defines layers. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.pop(0)
    keras.saving.get_custom_objects().update(
        {
            name: value
            for name, value in vars(module).items()
            if (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__.partition(".")[0] not in ("keras", "tensorflow")
        }
    )


def _reason(text: str) -> str:
    """Returns the first line of Keras' innermost reason."""
    *_, innermost = text.rpartition("Exception encountered: ")
    line = next(iter(innermost.strip().splitlines()), "no reason")
    return line.partition(" Full object config:")[0]
