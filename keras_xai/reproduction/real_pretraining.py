"""Convolutions that know photographs of the cue-conflict images' classes."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_xai.datasets.classification import find_dataset, read_classification
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError
from keras_xai.sweeps import Cell
from keras_xai.training.config import JointConfig, config_from_dict
from keras_xai.training.joint import build_from_config, train_joint
from keras_xai.training.precision import Precision, resolve_precision
from keras_xai.training.runs import LogRow, read_log

SEED = 0  # one pretraining for all


def pretraining_config(
    config: JointConfig, epochs: int, steps_per_epoch: int
) -> JointConfig:
    """Derives the pretraining: the first stage of a config, of another length."""
    stage = dataclasses.replace(
        config.stages[0], epochs=epochs, steps_per_epoch=steps_per_epoch
    )
    return dataclasses.replace(config, stages=(stage,))


def pretrain(spec: dict[str, Any], work_dir: Path) -> tuple[keras.Model, LogRow]:
    """Trains a classifier on TinyImageNet's classes that match, or loads it.

    Args:
        spec: `config`, as from `changes_from_default`; `image_size`; `precision`;
            `num_images`, of each split, None for all.
        work_dir: holds data/tiny-imagenet; receives runs/.

    Returns:
        The classifier of image and mask, and the last log row of its training.

    Raises:
        InputError: if the data set is missing or broken.
    """
    run_dir = work_dir / "runs" / Path(Cell("pretraining", spec).filename).stem
    if (run_dir / "model.keras").exists():
        joint = keras.models.load_model(run_dir / "model.keras")
    else:
        folder = find_dataset("tiny-imagenet", work_dir / "data")
        size = (spec["image_size"], spec["image_size"])
        categories = _read_categories(folder / "classes.tsv")
        train, validation = (
            group_classes(split, categories, spec["num_images"])
            for split in read_classification(folder, size=size)
        )
        config = config_from_dict(spec["config"])
        precision = spec["precision"]
        joint = train_joint(
            config, train, validation, run_dir, seed=SEED, precision=precision
        )
    return joint.get_layer("classifier"), read_log(run_dir)[-1]


def build_pretrained(
    config: JointConfig,
    image_shape: tuple[int, int, int],
    num_classes: int,
    source: keras.Model,
    *,
    seed: int,
    precision: Precision,
) -> keras.Model:
    """Builds a config's classifier with another's convolutions.

    Args:
        config: the choices.
        image_shape: `(height, width, channels)`.
        num_classes: number of classes.
        source: a classifier with the same convolutions.
        seed: of the other weights. Sets Keras' global seed.
        precision: see `resolve_precision`. Sets Keras' global dtype policy.
    """
    keras.config.set_dtype_policy(resolve_precision(precision))
    keras.utils.set_random_seed(seed)
    joint = build_from_config(config, image_shape, num_classes)
    classifier = joint.get_layer("classifier")
    for layer in classifier.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights(source.get_layer(layer.name).get_weights())
    return classifier


def group_classes(
    split: Split, categories: dict[str, str], num_images: int | None = None
) -> Split:
    """Relabels a split by its classes' categories; classes without one are left out.

    Args:
        split: labelled images.
        categories: class name to category.
        num_images: how many to draw, always the same ones; None for all.
    """
    names = sorted({categories[c] for c in split.class_names if c in categories})
    label_of = np.array(
        [
            names.index(categories[c]) if c in categories else -1
            for c in split.class_names
        ]
    )
    labels = label_of[split.labels]
    kept = np.flatnonzero(labels >= 0)
    if num_images is not None:
        kept = np.sort(np.random.default_rng(0).permutation(kept)[:num_images])
    return Split(
        split.images if len(kept) == split.num_images else split.images[kept],
        labels[kept].astype(np.int32),
        None,
        tuple(split.filenames[i] for i in kept),
        tuple(names),
    )


def _read_categories(path: Path) -> dict[str, str]:
    """Reads which of the 16 categories a class of TinyImageNet belongs to, if any."""
    if not path.exists():
        raise InputError(
            f"{path} does not exist; expected a table of TinyImageNet's classes with "
            "the columns name and category16."
        )
    with path.open(newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        rows = list(reader)
    if not {"name", "category16"} <= set(reader.fieldnames or ()):
        raise InputError(
            f"{path} has the columns {', '.join(reader.fieldnames or ())}; expected "
            "name and category16 among them."
        )
    return {row["name"]: row["category16"] for row in rows if row["category16"]}
