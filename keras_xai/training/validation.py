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
from keras_xai.training.runs import LogRow

TARGET_MARGIN = 3  # pixels around a filled object that still count as on it
BATCH_SIZE = 32


class ValidationRegions(NamedTuple):
    """Where the validation images' positives have their target and other objects.

    Attributes:
        positives: `(num_positives,)` indices of the images that hold a target.
        targets: `(num_positives, height, width)` bool, filled and dilated by
            `TARGET_MARGIN` pixels.
        distractors: the same for all other objects, less the targets.
    """

    positives: np.ndarray
    targets: np.ndarray
    distractors: np.ndarray

    @classmethod
    def from_split(cls, split: Split) -> "ValidationRegions | None":
        """Derives the regions; None if the split has no annotations."""
        if split.object_maps is None:
            return None
        positives = np.flatnonzero((split.object_maps == TARGET).any(axis=(1, 2)))
        object_maps = split.object_maps[positives]
        targets = dilate(object_maps == TARGET, TARGET_MARGIN)
        distractors = dilate(object_maps == DISTRACTOR, TARGET_MARGIN) & ~targets
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
        the target, and the shares of the mask's mass on target and other objects.
    """
    outputs = graph.predict(split.images, batch_size=BATCH_SIZE, verbose=0)
    probs = outputs["probs"]
    true_probs = np.take_along_axis(probs, split.labels[:, None], axis=1)
    row: LogRow = {
        "val_cross_entropy": float(-np.log(np.maximum(true_probs, 1e-7)).mean()),
        "val_accuracy": float((probs.argmax(axis=1) == split.labels).mean()),
        "majority_rate": split.majority_rate,
    }
    if "mask" in outputs:
        masks = outputs["mask"][..., 0]
        row["val_coverage"] = float(coverage(masks).mean())
        if regions is not None and len(regions.positives):
            masks = masks[regions.positives]
            row |= {
                "val_pointing_game": float(
                    pointing_game(masks, regions.targets).mean()
                ),
                "val_iou": float(iou(masks, regions.targets).mean()),
                "val_mass_on_target": float(
                    relevance_mass(masks, regions.targets).mean()
                ),
                "val_mass_on_distractors": float(
                    relevance_mass(masks, regions.distractors).mean()
                ),
            }
    return row
