"""The one shape of data that every other room receives."""

from typing import NamedTuple

import numpy as np

BACKGROUND, DISTRACTOR, TARGET = 0, 1, 2  # values of Split.object_maps


class Split(NamedTuple):
    """Labelled images with their ground truth, all of one size.

    Attributes:
        images: `(num_images, height, width, channels)` uint8 in [0, 255].
        labels: `(num_images,)` int32 in [0, num_classes).
        object_maps: `(num_images, height, width)` uint8: 0 background, 1 another
            object, 2 an object of the target class, filled; None without annotations.
        filenames: one a image, without its folder.
        class_names: one a class, in the order of the labels.
    """

    images: np.ndarray
    labels: np.ndarray
    object_maps: np.ndarray | None
    filenames: tuple[str, ...]
    class_names: tuple[str, ...]

    @property
    def num_images(self) -> int:
        """Number of images."""
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of every image."""
        return self.images.shape[1:]

    @property
    def majority_rate(self) -> float:
        """Accuracy of always answering the most frequent class, in [0, 1]."""
        return float(np.bincount(self.labels).max() / len(self.labels))
