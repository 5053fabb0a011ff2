"""Arrays and batches that are already in Python, or in an .npz file, as splits."""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_xai.datasets.split import Split
from keras_xai.errors import InputError

if TYPE_CHECKING:
    import keras

KEYS = ("x_train", "y_train", "x_test", "y_test")  # as in Keras' own mnist.npz


def read_npz(path: Path) -> tuple[Split, Split]:
    """Reads labelled images from one .npz file.

    Args:
        path: holds `x_train`, `y_train`, `x_test`, `y_test`, as Keras' own data sets
            do, and perhaps `class_names`. See `from_arrays` for their shapes.

    Returns:
        Training and test split.

    Raises:
        InputError: if the file is missing or broken, an array is missing, or does not
            fit.
    """
    arrays = _load(path)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise InputError(
            f"{path} has no array `{missing[0]}`; expected {', '.join(KEYS)}. "
            f"Received: {', '.join(arrays) or 'none'}"
        )
    x_train, y_train, x_test, y_test = (arrays[key] for key in KEYS)
    if "class_names" in arrays:
        class_names = tuple(map(str, arrays["class_names"].ravel()))
    else:  # labels of another type are refused below
        integers = [y for y in (y_train, y_test) if np.issubdtype(y.dtype, np.integer)]
        num_classes = 1 + max((int(y.max(initial=0)) for y in integers), default=0)
        class_names = tuple(map(str, range(num_classes)))
    try:
        train, test = (
            from_arrays(images, y, class_names, name=name)
            for images, y, name in (
                (x_train, y_train, "train"),
                (x_test, y_test, "test"),
            )
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return train, test


def read_npz_images(path: Path) -> np.ndarray:
    """Reads images without labels from one .npz file.

    Args:
        path: holds one array alone, or, as Keras' own data sets do, `x_test`. See
            `from_arrays` for its shape.

    Returns:
        `(num_images, height, width, channels)` uint8.

    Raises:
        InputError: if the file is missing or broken, or the array is missing or does
            not fit.
    """

    def choose(names: list[str]) -> list[str]:
        if len(names) != 1 and "x_test" not in names:
            raise InputError(
                f"{path} has no array `x_test`; expected it, or images as the only "
                f"array. Received: {', '.join(names) or 'none'}"
            )
        return names if len(names) == 1 else ["x_test"]

    [images] = _load(path, choose).values()
    try:
        return _to_uint8(images)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    name: str = "image",
) -> Split:
    """Makes a split of arrays.

    Args:
        images: `(num_images, height, width)` or with 1 or 3 channels as a last axis;
            uint8, or floats in [0, 1], which are rounded to 8 bits.
        labels: `(num_images,)` or `(num_images, 1)` integers in [0, num_classes).
        class_names: one a class.
        name: what the images' names start with.

    Returns:
        The split, without annotations.

    Raises:
        InputError: if a shape, type or range is another, or two classes have one name.
    """
    images, labels = _to_uint8(images), np.asarray(labels)
    if len(set(class_names)) != len(class_names):
        raise InputError(
            f"Two classes have one name; expected different names. Received: "
            f"{', '.join(class_names)}"
        )
    if labels.shape == (len(images), 1):
        labels = labels[:, 0]
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"Labels do not fit; expected {len(images)} integers, one an image. "
            f"Received: shape {labels.shape} of {labels.dtype}"
        )
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise InputError(
            f"A label is out of range; expected 0 to {len(class_names) - 1}. "
            f"Received: {labels.min()} to {labels.max()}"
        )
    return Split(
        images,
        labels.astype(np.int32),
        None,
        tuple(f"{name}-{i:05d}" for i in range(len(images))),
        tuple(class_names),
    )


def _load(
    path: Path, choose: Callable[[list[str]], list[str]] = lambda names: names
) -> dict[str, np.ndarray]:
    """Reads the arrays that are chosen from their names."""
    if path.is_file() and not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no .npz file; expected a zip archive of arrays.")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in choose(file.files)}
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected an .npz file.") from None
    except (
        ValueError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            f"{path} cannot be read; expected an .npz file of arrays. Received: {error}"
        ) from None


def _to_uint8(images: np.ndarray) -> np.ndarray:
    """Brings images to `(num_images, height, width, channels)` uint8."""
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise InputError(
            "Images have a wrong shape; expected (num_images, height, width) and "
            f"perhaps 1 or 3 channels. Received: {images.shape}"
        )
    if np.issubdtype(images.dtype, np.floating):
        low, high = float(images.min()), float(images.max())
        if not (low >= 0 and high <= 1):
            raise InputError(
                "Images of floats are out of range; expected values in [0, 1], or of "
                f"type uint8. Received: {low} to {high}"
            )
        images = np.round(images * 255).astype(np.uint8)
    if images.dtype != np.uint8:
        raise InputError(
            "Images have a wrong type; expected uint8, or floats in [0, 1]. "
            f"Received: {images.dtype}"
        )
    return images


def from_batches(
    batches: "Iterable[tuple[Any, Any]] | keras.utils.PyDataset",
    class_names: Sequence[str],
) -> Split:
    """Collects a `tf.data.Dataset`, a `keras.utils.PyDataset`, or any batches.

    Args:
        batches: `(images, labels)` pairs, finite, each as in `from_arrays`; labels may
            be one-hot.
        class_names: one a class.

    Returns:
        The split, without annotations.

    Raises:
        InputError: as `from_arrays` does, or if there is no batch, or one is no pair or
            of another size.
    """
    images, labels = [], []
    for batch in _iterate(batches):
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            is_sequence = isinstance(batch, tuple | list)
            what = f"{len(batch)} arrays" if is_sequence else type(batch).__name__
            raise InputError(
                "A batch does not fit; expected a pair of images and labels. "
                f"Received: {what}"
            )
        batch_images, batch_labels = batch
        images.append(np.asarray(batch_images))
        if images[-1].shape[1:] != images[0].shape[1:]:
            raise InputError(
                f"A batch has images of shape {images[-1].shape[1:]}; expected "
                f"{images[0].shape[1:]}, as the batches before it."
            )
        batch_labels = np.asarray(batch_labels)
        if batch_labels.ndim == 2 and batch_labels.shape[1] == len(class_names) > 1:
            batch_labels = batch_labels.argmax(axis=1)
        labels.append(np.ravel(batch_labels))
    if not images:
        raise InputError("There is no batch; expected at least one of images.")
    return from_arrays(np.concatenate(images), np.concatenate(labels), class_names)


def _iterate(
    batches: "Iterable[tuple[Any, Any]] | keras.utils.PyDataset",
) -> Iterator[tuple[Any, Any]]:
    import keras

    if isinstance(batches, keras.utils.PyDataset):  # no iterator, and endless as one
        for index in range(len(batches)):
            yield batches[index]
    else:
        yield from batches
