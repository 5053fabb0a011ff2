"""Images without labels, from files or an array, decoded when they are asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_xai.datasets.arrays import read_npz_images
from keras_xai.datasets.images import (
    IMAGE_SUFFIXES,
    fit_image,
    list_images_below,
    read_image,
)
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError


class Collection(NamedTuple):
    """Images without labels.

    Attributes:
        filenames: one an image, all different; those of class folders are CLASS/FILE.
        load: from an image's place, the number of channels, 1 or 3, and `(height,
            width)` to resize to, or None for its own, to `(height, width, channels)`
            uint8.
    """

    filenames: tuple[str, ...]
    load: Callable[[int, int, tuple[int, int] | None], np.ndarray]


def from_split(split: Split) -> Collection:
    """Takes the images of a split, such as one of `from_batches`, without their labels.

    Raises:
        InputError: if two have one name.
    """
    if len(set(split.filenames)) != split.num_images:
        raise InputError(
            "Two images of the split have one name; expected different filenames."
        )
    return Collection(split.filenames, lambda i, *how: fit_image(split.images[i], *how))


def open_images(path: Path) -> Collection:
    """Opens images to explain; none is decoded yet.

    Args:
        path: an image file, a folder in VOC layout, a folder of image files or one of
            class folders (see `list_images_below`), or an .npz file (see
            `read_npz_images`), whose images are called 000000, 000001 and so on.

    Raises:
        InputError: if there is no image, or an .npz file does not fit.
    """
    if path.suffix == ".npz":
        images = read_npz_images(path)
        names = tuple(f"{i:06d}" for i in range(len(images)))
        return Collection(names, lambda i, *how: fit_image(images[i], *how))
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        return Collection((path.name,), lambda i, *how: read_image(path, *how))
    root = path / "JPEGImages" if (path / "JPEGImages").is_dir() else path
    paths = list_images_below(root)
    names = tuple(file.relative_to(root).as_posix() for file in paths)
    return Collection(names, lambda i, *how: read_image(paths[i], *how))
