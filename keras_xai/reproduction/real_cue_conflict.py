"""One cell on cue-conflict images: what decides, and where the mask lies."""

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from keras_xai.datasets.classification import find_dataset
from keras_xai.datasets.cue_conflict import read_cue_conflict, textures_of
from keras_xai.datasets.silhouettes import read_silhouettes
from keras_xai.datasets.split import Split
from keras_xai.evaluation.localization import coverage, pointing_game, relevance_mass
from keras_xai.evaluation.shape_bias import shape_bias
from keras_xai.report.figures import THRESHOLD
from keras_xai.reproduction.real_predictions import baseline_masks, predict
from keras_xai.reproduction.real_pretraining import build_pretrained, pretrain
from keras_xai.reproduction.training import log_columns, rounded, train_cell
from keras_xai.sweeps import Cell
from keras_xai.training.config import config_from_dict

FIGURE_CLASSES = ("bottle", "car", "bicycle", "chair")  # [IbPRIA19] Fig. 8
MIN_PIECE = 1 / 1000  # of the image: what is smaller is a speck, not a piece


def measure_cue_conflict(
    cell: Cell, work_dir: Path, results_dir: Path
) -> dict[str, Any]:
    """Trains one cell on cue-conflict images and measures it.

    For seed 0 it also writes the cell's examples, an .npz of validation images, two
    contents of each of Fig. 8's classes and one of every other: `images`
    `(n, height, width, 3)` and `masks` `(n, height, width)`, uint8, 255 being 1;
    `labels` and `decisions`, class names.

    Args:
        cell: one of `keras_xai.reproduction.real.cells`.
        work_dir: holds data/; receives runs/.
        results_dir: for the examples.

    Returns:
        `final`, the last log row; `log`, all rows as columns; `chance`; what was
        decided (accuracy, counts of `ShapeBias`, accuracy by class) `alone`, by the
        classifier after stage 1 under a white mask, `joint`, by the joint model, and
        `majority`, by always answering the most frequent class; `masks`, means over the
        validation images of their `own` masks and of `baseline_masks`; `pretraining`,
        its last log row, or None.
    """
    spec = cell.spec
    keras.utils.clear_session()
    folder = find_dataset("cue-conflict", work_dir / "data")
    train, validation = read_cue_conflict(
        folder / "style-transfer",
        size=(spec["image_size"], spec["image_size"]),
        split_by=spec["split_by"],
        seed=spec["seed"],
    )
    objects = read_silhouettes(folder / "filled-silhouettes", validation)

    if spec["pretraining"] is None:
        pretraining = None
        training = train_cell(cell, train, validation, work_dir)
    else:
        source, pretraining = pretrain(spec["pretraining"], work_dir)
        build = partial(
            build_pretrained,
            config_from_dict(spec["config"]),
            train.image_shape,
            len(train.class_names),
            source,
            seed=spec["seed"],
            precision=spec["precision"],
        )
        training = train_cell(cell, train, validation, work_dir, build)
    found = predict(training, validation.images)
    baselines = baseline_masks(found.masks, validation.images)
    most_frequent = np.bincount(validation.labels).argmax()
    if spec["seed"] == 0:
        chosen = choose_examples(validation)
        names = np.array(validation.class_names)
        np.savez_compressed(
            results_dir / f"{Path(cell.filename).stem}.npz",
            images=validation.images[chosen],
            masks=np.round(found.masks[chosen] * 255).astype(np.uint8),
            labels=names[validation.labels[chosen]],
            decisions=names[found.joint[chosen]],
        )
    return rounded(
        {
            "final": training.rows[-1],
            "log": log_columns(training.rows),
            "chance": 1 / len(validation.class_names),
            "alone": describe_decisions(found.alone, validation),
            "joint": describe_decisions(found.joint, validation),
            "majority": describe_decisions(
                np.full_like(found.joint, most_frequent), validation
            ),
            "masks": {
                whose: describe_masks(masks, objects)
                for whose, masks in {"own": found.masks, **baselines}.items()
            },
            "pretraining": pretraining,
        }
    )


def describe_decisions(decisions: np.ndarray, split: Split) -> dict[str, Any]:
    """Counts what was decided: `accuracy`, `ShapeBias`, `class_accuracy` by name.

    Args:
        decisions: `(num_images,)` integers, the predicted classes.
        split: as from `read_cue_conflict`.
    """
    right = decisions == split.labels
    return {
        "accuracy": float(right.mean()),
        **shape_bias(decisions, split.labels, textures_of(split))._asdict(),
        "class_accuracy": {
            name: float(right[split.labels == label].mean())
            for label, name in enumerate(split.class_names)
        },
    }


def describe_masks(masks: np.ndarray, objects: np.ndarray) -> dict[str, float]:
    """Averages over images what a mask covers, and whether that is the object.

    Args:
        masks: `(num_images, height, width)` float32 in [0, 1].
        objects: `(num_images, height, width)` bool, the silhouettes.

    Returns:
        `coverage`; `above_threshold`, the share of pixels above .75; `num_pieces` of
        these; `mass_on_object`; `object_share` of the image, which a constant mask's
        mass and pointing game are; `pointing_game`.
    """
    above = masks > THRESHOLD
    return {
        "coverage": float(coverage(masks).mean()),
        "above_threshold": float(above.mean()),
        "num_pieces": float(np.mean([count_pieces(mask) for mask in above])),
        "mass_on_object": float(relevance_mass(masks, objects).mean()),
        "object_share": float(objects.mean()),
        "pointing_game": float(pointing_game(masks, objects).mean()),
    }


def count_pieces(mask: np.ndarray) -> int:
    """Counts the connected pieces of a binary mask, diagonals included.

    Args:
        mask: `(height, width)` bool.

    Returns:
        Pieces of at least a thousandth of the image.
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]  # 0 is the background
    return int((areas >= MIN_PIECE * mask.size).sum())


def choose_examples(split: Split) -> np.ndarray:
    """Chooses the first and last image of Fig. 8's classes, and one of every other."""
    shown, others = [], []
    for label, name in enumerate(split.class_names):
        indices = np.flatnonzero(split.labels == label)
        if name in FIGURE_CLASSES:
            shown.append(indices[[0, -1]])
        else:
            others.append(indices[:1])
    return np.concatenate([*shown, *others])
