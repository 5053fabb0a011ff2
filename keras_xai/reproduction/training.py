"""The training behind a cell: its first stage, which cells share, then the whole."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras

from keras_xai.datasets.split import Split
from keras_xai.sweeps import Cell
from keras_xai.training.config import changes_from_default, config_from_dict
from keras_xai.training.joint import train_joint
from keras_xai.training.runs import LogRow, read_log


class Training(NamedTuple):
    """What a training leaves.

    Attributes:
        after_first: the joint model at the end of the first stage.
        joint: the joint model at the end of the last stage.
        run_dir: the run folder.
        rows: its log.
    """

    after_first: keras.Model
    joint: keras.Model
    run_dir: Path
    rows: list[LogRow]


def train_cell(
    cell: Cell,
    train: Split,
    validation: Split,
    work_dir: Path,
    build_classifier: Callable[[], keras.Model | None] = lambda: None,
) -> Training:
    """Trains one cell, or loads what it left.

    Cells that differ after the first stage alone share it.

    Args:
        cell: its spec holds `config`, `seed` and `precision`.
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
    return Training(after_first, joint, run_dir, read_log(run_dir))


def log_columns(rows: list[LogRow]) -> dict[str, list[Any]]:
    """Turns log rows into columns of rounded numbers; None where a row has none."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [rounded(row.get(name)) for row in rows] for name in names}


def rounded(value: Any) -> Any:
    """Rounds a float, alone or in dicts, to five digits after the point."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, 5) if isinstance(value, float) else value
