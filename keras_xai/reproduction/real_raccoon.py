"""One cell on photographs of raccoons: does the mask stay in the box?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from keras_xai.datasets.classification import find_dataset
from keras_xai.datasets.crops import read_crops
from keras_xai.datasets.split import Split
from keras_xai.evaluation.localization import (
    coverage,
    pointing_game,
    pompom,
    relevance_mass,
)
from keras_xai.report.figures import THRESHOLD
from keras_xai.reproduction.real_predictions import baseline_masks, predict
from keras_xai.reproduction.training import log_columns, rounded, train_cell
from keras_xai.sweeps import Cell

NUM_EXAMPLES = (3, 1)  # windows with and without a raccoon kept for the figure


def measure_raccoon(cell: Cell, work_dir: Path, results_dir: Path) -> dict[str, Any]:
    """Trains one cell on windows with and without a raccoon and measures it.

    For seed 0 it also writes the cell's examples, an .npz of uint8 arrays: `images`
    `(n, height, width, 3)`, `masks` and `boxes` `(n, height, width)`, 255 being 1.

    Args:
        cell: one of `keras_xai.reproduction.real.cells`.
        work_dir: holds data/; receives runs/.
        results_dir: for the examples.

    Returns:
        `final`, the last log row; `log`, all rows as columns; the validation accuracy
        `alone`, of the classifier after stage 1 under a white mask, `joint`, of the
        joint model, and `sharpness` and `side`, of thresholds on the image's sharpness
        and on its window's side, cues that the windows leave; `coverage_negatives`, of
        the masks of windows without a raccoon; `masks`, means over those with one, of
        their `own` masks and of `baseline_masks`.
    """
    spec = cell.spec
    keras.utils.clear_session()
    train, validation = read_crops(
        find_dataset("raccoon-voc", work_dir / "data"),
        target="raccoon",
        image_size=spec["image_size"],
        windows_per_box=spec["windows_per_box"],
        seed=spec["seed"],
    )
    training = train_cell(cell, train, validation, work_dir)
    found = predict(training, validation.images)
    boxes = np.stack([validation.target_box_map(i) for i in range(len(found.masks))])
    is_positive = validation.labels == 1
    masks = found.masks[is_positive]
    baselines = baseline_masks(masks, validation.images[is_positive])

    if spec["seed"] == 0:
        chosen = choose_examples(validation)
        np.savez_compressed(
            results_dir / f"{Path(cell.filename).stem}.npz",
            images=validation.images[chosen],
            masks=np.round(found.masks[chosen] * 255).astype(np.uint8),
            boxes=255 * boxes[chosen].astype(np.uint8),
        )
    return rounded(
        {
            "final": training.rows[-1],
            "log": log_columns(training.rows),
            "alone": _accuracy(found.alone, validation),
            "joint": _accuracy(found.joint, validation),
            "sharpness": threshold_accuracy(sharpness, train, validation),
            "side": threshold_accuracy(window_side, train, validation),
            "coverage_negatives": float(found.masks[~is_positive].mean()),
            "masks": {
                whose: describe_masks(masks, boxes[is_positive])
                for whose, masks in {"own": masks, **baselines}.items()
            },
        }
    )


def describe_masks(masks: np.ndarray, boxes: np.ndarray) -> dict[str, float]:
    """Averages over images what a mask covers, in the box and off it.

    Args:
        masks: `(num_images, height, width)` float32 in [0, 1].
        boxes: `(num_images, height, width)` bool, filled.

    Returns:
        `coverage`; `pompom`; `pompom_above_threshold`, of the pixels above .75;
        `pointing_game`; `mass_in_box`; `box_share` of the image, which a constant
        mask's mass and pointing game are.
    """
    above = pompom(masks, boxes, epsilon=THRESHOLD)
    return {
        "coverage": float(coverage(masks).mean()),
        "pompom": float(pompom(masks, boxes).mean()),
        "pompom_above_threshold": float(above.mean()),
        "pointing_game": float(pointing_game(masks, boxes).mean()),
        "mass_in_box": float(relevance_mass(masks, boxes).mean()),
        "box_share": float(boxes.mean()),
    }


def threshold_accuracy(
    cue: Callable[[Split], np.ndarray], train: Split, validation: Split
) -> float:
    """Returns the validation accuracy of a threshold on one number an image.

    The threshold and its direction are those that classify most training images.

    Args:
        cue: from images to their numbers, `(num_images,)`.
        train: images to find the threshold on.
        validation: images to classify by it.
    """
    values, labels = cue(train), train.labels == 1
    thresholds = np.unique(values)
    rates = np.array([((values >= t) == labels).mean() for t in thresholds])
    best = np.maximum(rates, 1 - rates).argmax()
    above = cue(validation) >= thresholds[best]
    decisions = above if rates[best] >= 0.5 else ~above
    return _accuracy(decisions.astype(np.int32), validation)


def choose_examples(split: Split) -> list[int]:
    """Chooses windows with and without a raccoon, each the first of its photograph."""
    chosen: list[int] = []
    for label, num_examples in zip((1, 0), NUM_EXAMPLES, strict=True):
        first: dict[str, int] = {}
        for index in np.flatnonzero(split.labels == label):
            photograph = split.filenames[index].rsplit("_", 3)[0]
            first.setdefault(photograph, int(index))
        chosen += list(first.values())[:num_examples]
    return chosen


def sharpness(split: Split) -> np.ndarray:
    """Measures the variance of the Laplacian of each grey image, `(num_images,)`."""
    greys = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in split.images)
    return np.array([cv2.Laplacian(grey, cv2.CV_64F).var() for grey in greys])


def window_side(split: Split) -> np.ndarray:
    """Reads each window's side before scaling, `(num_images,)` in pixels."""
    return np.array(
        [int(Path(name).stem.rsplit("_", 1)[1]) for name in split.filenames]
    )


def _accuracy(decisions: np.ndarray, split: Split) -> float:
    return float((decisions == split.labels).mean())
