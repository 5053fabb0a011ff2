"""The one shape of data that every other room receives."""

from typing import NamedTuple

import numpy as np

BACKGROUND, DISTRACTOR, TARGET = 0, 1, 2  # values of Split.object_maps


class Split(NamedTuple):
    """Labelled images with their ground truth, all of one size.

    Attributes:
        images: `(num_images, height, width, channels)` uint8 in [0, 255]; a memory map
            if there are many.
        labels: `(num_images,)` int32 in [0, num_classes).
        object_maps: `(num_images, height, width)` uint8: 0 background, 1 another
            object, 2 an object of the target class, filled; None without annotations.
        filenames: one a image, without its folder.
        class_names: one a class, in the order of the labels.
        target_boxes: one `(num_targets, 4)` int32 a image: xmin, ymin, xmax, ymax in
            pixels, 0-based and half-open; None without annotations.
        has_masks: `(num_images,)` bool, whether the object map is one of pixels rather
            than of filled boxes; None if no image has one.
    """

    images: np.ndarray
    labels: np.ndarray
    object_maps: np.ndarray | None
    filenames: tuple[str, ...]
    class_names: tuple[str, ...]
    target_boxes: tuple[np.ndarray, ...] | None = None
    has_masks: np.ndarray | None = None

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

    def target_box_map(self, index: int) -> np.ndarray:
        """Draws the filled boxes of an image's targets.

        Args:
            index: of the image.

        Returns:
            `(height, width)` bool; all False without annotations.
        """
        inside = np.zeros(self.image_shape[:2], bool)
        if self.target_boxes is not None:
            for xmin, ymin, xmax, ymax in self.target_boxes[index]:
                inside[ymin:ymax, xmin:xmax] = True
        return inside
