"""Which images are compared, and where their targets are."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_xai.comparison.subjects import ImageShape
from keras_xai.datasets.allocate import allocate
from keras_xai.datasets.read import read_splits
from keras_xai.datasets.split import TARGET, Split
from keras_xai.errors import InputError
from keras_xai.evaluation.localization import dilate
from keras_xai.training.validation import TARGET_MARGIN

# Compared by default, so that time does not grow with the images' size: 39 images of
# 224×224, or 159 of 112×112.
NUM_PIXELS = 2_000_000


# A path that `read_splits` takes, or what it would return: training and validation.
Data = Path | tuple[Split, Split]


class Region(NamedTuple):
    """Where the images' targets are, drawn when asked for.

    Attributes:
        images: `(num_positives,)` indices of the images that hold a target and are not
            all target, on which any heatmap would be right.
        draw: from indices of images, `(k,)`, to `(k, height, width)` bool.
    """

    images: np.ndarray
    draw: Callable[[np.ndarray], np.ndarray]


class Sample(NamedTuple):
    """The images that are compared, and those beside them.

    Attributes:
        split: in an order of which every beginning holds the classes in about the same
            shares, so that the first k are a fair subset.
        targets: the filled targets, grown by a margin; None if unknown.
        boxes: the targets' filled boxes; None if unknown.
        train: images to train on.
        num_available: how many images could have been compared.
    """

    split: Split
    targets: Region | None
    boxes: Region | None
    train: Split
    num_available: int


def read_sample(
    data: Data,
    image_shape: ImageShape,
    *,
    target: str | None = None,
    num_images: int | None = None,
    target_margin: int = TARGET_MARGIN,
    seed: int = 0,
) -> Sample:
    """Reads the images to compare on: of a data set's validation or test images.

    Args:
        data: a path, see `read_splits`, or a training and a validation split, such as
            those of `from_batches`. All but a folder in VOC layout have labels and no
            annotations.
        image_shape: `(height, width, channels)` that the classifier takes; a size may
            be None, for the files' own. Images, boxes and masks are resized to it.
        target: the class to find in a VOC folder; by default the one that
            manifest.json names.
        num_images: how many to take, at most all; by default as many as have
            `NUM_PIXELS`.
        target_margin: pixels that the targets' masks are grown by.
        seed: of the order.

    Returns:
        The sample.

    Raises:
        InputError: if the folder cannot be read, no class is named, or the images do
            not fit.
    """
    height, width, num_channels = image_shape
    size = (height, width) if height and width else None
    if isinstance(data, Path):
        train, validation = read_splits(
            data, target=target, size=size, num_channels=num_channels
        )
    elif target is not None:
        raise InputError(
            "Invalid value for `target`. It is for a folder in VOC layout; expected "
            f"none for splits. Received: target={target}"
        )
    else:
        train, validation = data
    wanted = (*(size or validation.image_shape[:2]), num_channels)
    for split in (train, validation):
        if split.image_shape != wanted:
            raise InputError(
                f"{tell(data)} have images of shape {split.image_shape}; expected "
                f"{wanted}, as the classifier takes them."
            )
    if num_images is None:
        height, width, _ = validation.image_shape
        num_images = max(1, NUM_PIXELS // (height * width))
    split = _take(validation, draw_order(validation.labels, seed)[:num_images])
    return Sample(
        split,
        _target_region(split, target_margin),
        None if split.target_boxes is None else _box_region(split),
        train,
        validation.num_images,
    )


def tell(data: Data) -> str:
    """Says in a word or two which data these are."""
    return str(data) if isinstance(data, Path) else "The splits"


def draw_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Draws an order whose every beginning holds the classes in their shares.

    Args:
        labels: `(num_images,)` int.
        seed: of the order within each class.

    Returns:
        `(num_images,)` indices. The k-th of m images of a class is at about (k - ½)/m
        of the way.
    """
    rng = np.random.default_rng(seed)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        place[rng.permutation(members)] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(place, kind="stable")


def _take(split: Split, indices: np.ndarray) -> Split:
    def gather(arrays: np.ndarray) -> np.ndarray:
        gathered = allocate((len(indices), *arrays.shape[1:]))
        for i, index in enumerate(indices):
            gathered[i] = arrays[index]
        return gathered

    maps, boxes, has_masks = split.object_maps, split.target_boxes, split.has_masks
    return Split(
        images=gather(split.images),
        labels=split.labels[indices],
        object_maps=None if maps is None else gather(maps),
        filenames=tuple(split.filenames[i] for i in indices),
        class_names=split.class_names,
        target_boxes=None if boxes is None else tuple(boxes[i] for i in indices),
        has_masks=None if has_masks is None else has_masks[indices],
    )


def _target_region(split: Split, margin: int) -> Region | None:
    """Knows the targets of images that have a mask; others' maps are their boxes."""
    object_maps, has_masks = split.object_maps, split.has_masks
    if object_maps is None or has_masks is None:
        return None

    def draw(indices: np.ndarray) -> np.ndarray:
        return dilate(object_maps[indices] == TARGET, margin)

    region = _region(split, draw)
    return region._replace(images=region.images[has_masks[region.images]])


def _box_region(split: Split) -> Region:
    def draw(indices: np.ndarray) -> np.ndarray:
        return np.array([split.target_box_map(i) for i in indices])

    return _region(split, draw)


def _region(split: Split, draw: Callable[[np.ndarray], np.ndarray]) -> Region:
    shares = np.array([draw(np.array([i])).mean() for i in range(split.num_images)])
    return Region(np.flatnonzero((shares > 0) & (shares < 1)), draw)
