"""Reads the files that a report is made from; what is wrong becomes one sentence."""

import csv
import io
import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.errors import InputError


def read_text(path: Path, verb: str) -> str:
    """Reads a text file in UTF-8.

    Args:
        path: the file.
        verb: of the command that makes such a folder.

    Raises:
        InputError: if the file is missing or no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(_missing(path, verb)) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is broken; expected text in UTF-8.") from None


def read_json(path: Path, verb: str) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        InputError: if the file is missing, broken or another kind of value.
    """
    try:
        values = json.loads(read_text(path, verb))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None
    if not isinstance(values, dict):
        raise InputError(
            f"{path} holds no JSON object; expected a file of `keras-xai {verb}`."
        )
    return values


def read_rows(path: Path, verb: str) -> list[dict[str, str]]:
    """Reads a CSV file with a header, one dict a row.

    Raises:
        InputError: if the file is missing or no text, or a row has too few cells.
    """
    rows = list(csv.DictReader(io.StringIO(read_text(path, verb))))
    if any(None in row.values() or None in row for row in rows):
        raise InputError(f"{path} is broken; expected as many cells as columns.")
    return rows


def read_arrays(path: Path, names: Sequence[str], verb: str) -> list[np.ndarray]:
    """Reads whole arrays of an .npz file.

    Raises:
        InputError: if the file is missing or broken, or lacks one of them.
    """
    try:
        with np.load(path) as arrays:
            return [arrays[name] for name in names]
    except FileNotFoundError:
        raise InputError(_missing(path, verb)) from None
    except KeyError as error:
        raise InputError(f"{path} is broken: {error.args[0]}.") from None
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is broken: {error}.") from None


def read_items(path: Path, name: str, indices: Sequence[int], verb: str) -> np.ndarray:
    """Reads some items of an array; memory does not grow with the size of the file.

    Args:
        path: an .npz file.
        name: of an array `(num_items, ...)` in it.
        indices: the items, in the order wanted.
        verb: of the command that makes such a file.

    Returns:
        `(len(indices), ...)` of the array's dtype.

    Raises:
        InputError: if the file is missing or broken, or lacks an item.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError(f"{name} is not in NumPy's format 1.0")
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
            if not shape or is_fortran or dtype.hasobject:
                raise ValueError(f"{name} is no plain array of items")
            if not all(0 <= index < shape[0] for index in indices):
                raise ValueError(f"{name} has {shape[0]} items, not all that are asked")
            start, size = file.tell(), dtype.itemsize * math.prod(shape[1:])
            items = np.empty((len(indices), *shape[1:]), dtype)
            for i, index in enumerate(indices):
                file.seek(start + index * size)
                items[i] = np.frombuffer(file.read(size), dtype).reshape(shape[1:])
    except FileNotFoundError:
        raise InputError(_missing(path, verb)) from None
    except KeyError as error:
        raise InputError(f"{path} is broken: {error.args[0]}.") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is broken: {error}.") from None
    return items


def read_heatmaps(
    path: Path, name: str, indices: Sequence[int], verb: str
) -> np.ndarray:
    """Reads some images' heatmaps.

    Args:
        path: an .npz file.
        name: of the array of heatmaps, `(num_images, height, width)`.
        indices: the images, in the order wanted.
        verb: of the command that makes such a file.

    Returns:
        `(len(indices), height, width)` float32.

    Raises:
        InputError: if the file is missing or broken, lacks an image, or holds a value
            that is not finite.
    """
    heatmaps = read_items(path, name, indices, verb)
    if heatmaps.ndim != 3 or heatmaps.dtype.kind != "f":
        raise InputError(
            f"{path} is broken: {name} is {heatmaps.dtype} of shape {heatmaps.shape}; "
            "expected floats (num_images, height, width)."
        )
    if not np.isfinite(heatmaps).all():
        raise InputError(f"{path} holds values that are not finite.")
    return heatmaps.astype(np.float32)


def find_items(path: Path, filenames: Sequence[str], verb: str) -> list[int]:
    """Finds images in an .npz file by its array `filename`.

    Args:
        path: the file.
        filenames: the images, in the order wanted.
        verb: of the command that makes such a file.

    Returns:
        Their indices.

    Raises:
        InputError: if the file is missing or broken, or lacks an image.
    """
    [all_filenames] = read_arrays(path, ["filename"], verb)
    index_of = {filename: i for i, filename in enumerate(all_filenames.tolist())}
    lacking = [filename for filename in filenames if filename not in index_of]
    if lacking:
        raise InputError(f"{path} lacks {lacking[0]!r}; expected all images' heatmaps.")
    return [index_of[filename] for filename in filenames]


def _missing(path: Path, verb: str) -> str:
    return f"{path} does not exist; expected a folder made by `keras-xai {verb}`."
