"""The training behind a cell on photographs: its first stage, then the whole."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.split import Split
from keras_xai.evaluation.baselines import centre_gaussian, sobel_edges
from keras_xai.models.joint import build_white_mask_model
from keras_xai.sweeps import Cell
from keras_xai.training.config import changes_from_default, config_from_dict
from keras_xai.training.joint import train_joint
from keras_xai.training.runs import LogRow, read_log

BATCH_SIZE = 32  # of predictions


class Training(NamedTuple):
    """What a training leaves.

    Attributes:
        alone: the classifier after the first stage, under a white mask; see
            `build_white_mask_model`.
        joint: the joint model at the end of the last stage.
        rows: the log.
    """

    alone: keras.Model
    joint: keras.Model
    rows: list[LogRow]


class Predictions(NamedTuple):
    """What a training's models say about images.

    Attributes:
        alone: `(num_images,)` int64, the classes that the classifier decides for after
            the first stage, under a white mask.
        joint: `(num_images,)` int64, those of the joint model.
        masks: `(num_images, height, width)` float32 in [0, 1], the joint model's.
    """

    alone: np.ndarray
    joint: np.ndarray
    masks: np.ndarray


def train_cell(
    cell: Cell,
    train: Split,
    validation: Split,
    work_dir: Path,
    build_classifier: Callable[[], keras.Model | None] = lambda: None,
) -> Training:
    """Trains one cell; cells that differ after the first stage alone share it.

    Args:
        cell: one of `keras_xai.reproduction.real.cells`.
        train: images to learn from.
        validation: images to evaluate after each epoch.
        work_dir: receives runs/.
        build_classifier: builds the classifier to train, the same each time, or returns
            None for that of the config.
    """
    config = config_from_dict(cell.spec["config"])
    options = {"seed": cell.spec["seed"], "precision": cell.spec["precision"]}
    first = dataclasses.replace(config, stages=config.stages[:1])
    shared = Cell("first", cell.spec | {"config": changes_from_default(first)})
    first_dir = work_dir / "runs" / Path(shared.filename).stem
    after_first = train_joint(
        first, train, validation, first_dir, classifier=build_classifier(), **options
    )
    run_dir = work_dir / "runs" / Path(cell.filename).stem
    joint = train_joint(
        config,
        train,
        validation,
        run_dir,
        start_from=first_dir,
        classifier=build_classifier(),
        **options,
    )
    return Training(build_white_mask_model(after_first), joint, read_log(run_dir))


def predict(training: Training, images: np.ndarray) -> Predictions:
    """Predicts classes and masks.

    Args:
        training: as from `train_cell`.
        images: `(num_images, height, width, 3)` uint8.
    """
    options = {"batch_size": BATCH_SIZE, "verbose": 0}
    alone = training.alone.predict(images, **options)
    joint = training.joint.predict(images, **options)
    return Predictions(
        alone["probs"].argmax(axis=1),
        joint["probs"].argmax(axis=1),
        joint["mask"][..., 0],
    )


def baseline_masks(masks: np.ndarray, images: np.ndarray) -> dict[str, np.ndarray]:
    """Makes masks that know nothing of the model, or not of the image.

    Args:
        masks: `(num_images, height, width)` float32 in [0, 1].
        images: `(num_images, height, width, 3)` uint8.

    Returns:
        `swapped`, each image with the mask of that half the images away, which keeps
        what position and size explain; `centre`, a Gaussian; `edges`, Sobel's.
    """
    scaled = scale_images(images)
    return {
        "swapped": np.roll(masks, len(masks) // 2, axis=0),
        "centre": centre_gaussian(scaled),
        "edges": sobel_edges(scaled),
    }


def log_columns(rows: list[LogRow]) -> dict[str, list[Any]]:
    """Turns log rows into columns of rounded numbers; None where a row has none."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [rounded(row.get(name)) for row in rows] for name in names}


def rounded(value: Any) -> Any:
    """Rounds a float, alone or in dicts, to five digits after the point."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, 5) if isinstance(value, float) else value
