"""What an epoch's log row says about the validation images."""

from typing import NamedTuple

import keras
import numpy as np

from keras_xai.datasets.split import DISTRACTOR, TARGET, Split
from keras_xai.evaluation.localization import (
    coverage,
    dilate,
    iou,
    pointing_game,
    relevance_mass,
)
from keras_xai.models.predict import predict_images
from keras_xai.training.runs import LogRow

TARGET_MARGIN = 3  # pixels around a filled object that still count as on it
BATCH_SIZE = 32
NUM_IMAGES = 1024  # whose masks are in memory at a time


class ValidationRegions(NamedTuple):
    """Where the validation images' positives have their target and other objects.

    Attributes:
        positives: `(num_positives,)` indices of the images that hold a target.
        targets: `(num_positives, height, width)` bool, filled and dilated by
            `TARGET_MARGIN` pixels.
        distractors: the same for all other objects, less the targets; None if no
            other object is annotated.
    """

    positives: np.ndarray
    targets: np.ndarray
    distractors: np.ndarray | None

    @property
    def target_share(self) -> float:
        """What a constant mask scores: the targets' share of their images."""
        return float(self.targets.mean(axis=(1, 2)).mean())

    @classmethod
    def from_split(cls, split: Split) -> "ValidationRegions | None":
        """Derives the regions; None if the split has no annotations."""
        if split.object_maps is None:
            return None
        positives = np.flatnonzero((split.object_maps == TARGET).any(axis=(1, 2)))
        object_maps = split.object_maps[positives]
        targets = dilate(object_maps == TARGET, TARGET_MARGIN)
        others = object_maps == DISTRACTOR
        distractors = dilate(others, TARGET_MARGIN) & ~targets if others.any() else None
        return cls(positives, targets, distractors)


def evaluate(
    graph: keras.Model, split: Split, regions: ValidationRegions | None
) -> LogRow:
    """Measures a joint or white-mask model on a split.

    Args:
        graph: a model from `build_joint` or `build_white_mask_model`.
        split: the images.
        regions: their ground truth, if there is any.

    Returns:
        Cross-entropy, accuracy and majority rate; with a mask also its coverage; with
        ground truth, over the positives: pointing game, IoU of the mask above 0.75 and
        the target, the shares of the mask's mass on the target and on other objects,
        if there are any, and what a constant mask has on the target.
    """
    parts = [
        _measure(graph, split, regions, range(i, min(i + NUM_IMAGES, split.num_images)))
        for i in range(0, split.num_images, NUM_IMAGES)
    ]
    means = {
        name: float(np.concatenate([part[name] for part in parts]).mean())
        for name in parts[0]
        if any(part[name].size for part in parts)
    }
    row = {
        "val_cross_entropy": means.pop("val_cross_entropy"),
        "val_accuracy": means.pop("val_accuracy"),
        "majority_rate": split.majority_rate,
        **means,
    }
    if regions is not None and "val_mass_on_target" in means:
        row["target_share"] = regions.target_share
    return row


def _measure(
    graph: keras.Model, split: Split, regions: ValidationRegions | None, images: range
) -> dict[str, np.ndarray]:
    """Measures some images: one value an image, or one a positive among them."""
    part = slice(images.start, images.stop)
    outputs = predict_images(graph, split.images[part], batch_size=BATCH_SIZE)
    probs, labels = outputs["probs"], split.labels[part]
    true_probs = np.take_along_axis(probs, labels[:, None], axis=1)
    values = {
        "val_cross_entropy": -np.log(np.maximum(true_probs[:, 0], 1e-7)),
        "val_accuracy": probs.argmax(axis=1) == labels,
    }
    if "mask" not in outputs:
        return values
    masks = outputs["mask"][..., 0]
    values["val_coverage"] = coverage(masks)
    if regions is not None:
        first, last = np.searchsorted(regions.positives, (images.start, images.stop))
        masks = masks[regions.positives[first:last] - images.start]
        targets = regions.targets[first:last]
        values |= {
            "val_pointing_game": pointing_game(masks, targets),
            "val_iou": iou(masks, targets),
            "val_mass_on_target": relevance_mass(masks, targets),
        }
        if regions.distractors is not None:
            others = regions.distractors[first:last]
            values["val_mass_on_distractors"] = relevance_mass(masks, others)
    return values
