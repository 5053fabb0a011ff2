"""The training behind a cell on photographs: its first stage, then the whole."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_xai.datasets.split import Split
from keras_xai.models.joint import build_white_mask_model
from keras_xai.sweeps import Cell
from keras_xai.training.config import changes_from_default, config_from_dict
from keras_xai.training.joint import train_joint
from keras_xai.training.runs import LogRow, read_log
from keras_xai.training.stages import copy_features

BATCH_SIZE = 32  # of predictions


class Training(NamedTuple):
    """What a training leaves.

    Attributes:
        first: the joint model where its second stage starts, whose explainer is not
            trained.
        joint: the joint model at the end of the last stage.
        rows: the log.
    """

    first: keras.Model
    joint: keras.Model
    rows: list[LogRow]


class Predictions(NamedTuple):
    """What a training's models say about images.

    Attributes:
        alone: `(num_images,)` int64, the classes that the classifier decides for after
            the first stage, under a white mask.
        joint: `(num_images,)` int64, those of the joint model.
        masks: `(num_images, height, width)` float32 in [0, 1], the joint model's.
        untrained_masks: the same of the explainer before it is trained.
    """

    alone: np.ndarray
    joint: np.ndarray
    masks: np.ndarray
    untrained_masks: np.ndarray


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
    if config.stages[1].warm_start:
        copy_features(
            after_first.get_layer("classifier"), after_first.get_layer("explainer")
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
    return Training(after_first, joint, read_log(run_dir))


def predict(training: Training, images: np.ndarray) -> Predictions:
    """Predicts classes and masks.

    Args:
        training: as from `train_cell`.
        images: `(num_images, height, width, 3)` uint8.
    """
    options = {"batch_size": BATCH_SIZE, "verbose": 0}
    alone = build_white_mask_model(training.first).predict(images, **options)
    first = training.first.predict(images, **options)
    joint = training.joint.predict(images, **options)
    return Predictions(
        alone["probs"].argmax(axis=1),
        joint["probs"].argmax(axis=1),
        joint["mask"][..., 0],
        first["mask"][..., 0],
    )


def swap(masks: np.ndarray) -> np.ndarray:
    """Gives each image the mask of another, half the images away.

    What such masks still score, position and size explain.
    """
    return np.roll(masks, len(masks) // 2, axis=0)


def log_columns(rows: list[LogRow]) -> dict[str, list[Any]]:
    """Turns log rows into columns of rounded numbers; None where a row has none."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [rounded(row.get(name)) for row in rows] for name in names}


def rounded(value: Any) -> Any:
    """Rounds a float, alone or in dicts, to five digits after the point."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, 5) if isinstance(value, float) else value
