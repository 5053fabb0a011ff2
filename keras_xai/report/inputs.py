"""Reads the files that a report is made from."""

import csv
import io
import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_xai.errors import InputError

LogRow = dict[str, Any]
SETTINGS = ("seed", "class_names", "num_train", "num_validation", "config", "stages")


class Run(NamedTuple):
    """A run folder.

    Attributes:
        settings: config.json.
        environment: environment.json.
        log: log.csv, one dict an epoch: `stage` as text, the rest as finite floats; an
            empty or non-finite cell is left out.
    """

    settings: dict[str, Any]
    environment: dict[str, Any]
    log: list[LogRow]


class Prediction(NamedTuple):
    """What the model says of one validation image; labels index the class names."""

    filename: str
    label: int
    prob: float  # of `label`
    truth: int

    @property
    def is_correct(self) -> bool:
        """Whether the label is the true one."""
        return self.label == self.truth


def read_run(run_dir: Path) -> Run:
    """Reads a run folder of the joint model.

    Raises:
        InputError: if a file is missing, broken or not of such a run.
    """
    config_path = run_dir / "config.json"
    settings = _read_json(config_path, "train")
    found = {*settings, *settings.get("config", ())}
    missing = [key for key in SETTINGS if key not in found]
    if missing:
        raise InputError(
            f"{config_path} lacks `{missing[0]}`; expected a run of `train`."
        )
    if len(settings["class_names"]) != 2:
        raise InputError(
            f"{config_path} must name 2 classes, without and with the "
            f"target. Received: class_names={settings['class_names']}"
        )
    environment = _read_json(run_dir / "environment.json", "train")
    return Run(settings, environment, _read_log(run_dir / "log.csv"))


def read_predictions(
    data_dir: Path, explanations_dir: Path, class_names: Sequence[str]
) -> list[Prediction]:
    """Reads the validation images' labels and what the model says of them.

    Args:
        data_dir: a folder in VOC layout.
        explanations_dir: the explanations of its images.
        class_names: without and with the target.

    Returns:
        One prediction an image, in the order of the validation list.

    Raises:
        InputError: if a file is missing or broken, or an image was not explained.
    """
    list_path = data_dir / "ImageSets" / "Main" / f"{class_names[1]}_val.txt"
    lines = _read_text(list_path, "generate").splitlines()
    if not lines:
        raise InputError(f"{list_path} is empty; expected one image a line.")

    csv_path = explanations_dir / "predictions.csv"
    rows = list(csv.reader(io.StringIO(_read_text(csv_path, "explain"))))
    header = rows[0] if rows else []
    expected = ["filename", "label", *class_names]
    if header != expected:
        raise InputError(
            f"{csv_path} has other columns than the run's classes. "
            f"Expected {', '.join(expected)}. Received: {', '.join(header)}"
        )
    row_of = {Path(row[0]).stem: row for row in rows[1:] if row}

    predictions = []
    for line in lines:
        try:
            name, sign = line.split()
            truth = {"-1": 0, "1": 1}[sign]
        except (ValueError, KeyError):
            raise InputError(
                f"{list_path} holds a bad line. Expected a name and 1 or -1. "
                f"Received: {line}"
            ) from None
        if name not in row_of:
            raise InputError(
                f"{csv_path} has no row for image {name}; expected explanations of "
                f"the images in {data_dir}."
            )
        try:
            filename, class_name, *probs = row_of[name]
            label = list(class_names).index(class_name)
            predictions.append(Prediction(filename, label, float(probs[label]), truth))
        except (ValueError, IndexError):
            raise InputError(
                f"{csv_path} has a broken row for image {name}; expected a label of "
                "the run and one probability a class."
            ) from None
    return predictions


def read_masks(explanations_dir: Path, filenames: Sequence[str]) -> np.ndarray:
    """Reads some images' masks; memory does not grow with the size of masks.npz.

    Args:
        explanations_dir: the folder that holds masks.npz.
        filenames: the images, in the order wanted.

    Returns:
        `(num_images, height, width)` float32 in [0, 1].

    Raises:
        InputError: if the file is missing or broken, or lacks an image.
    """
    path = explanations_dir / "masks.npz"
    try:
        with np.load(path) as arrays:
            index_of = {name: i for i, name in enumerate(arrays["filename"].tolist())}
        with zipfile.ZipFile(path) as archive, archive.open("mask.npy") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            start, size = file.tell(), dtype.itemsize * math.prod(shape[1:])
            masks = np.empty((len(filenames), *shape[1:]), np.float32)
            for i, name in enumerate(filenames):
                file.seek(start + index_of[name] * size)
                values = np.frombuffer(file.read(size), dtype)
                masks[i] = values.reshape(shape[1:])
    except FileNotFoundError:
        raise InputError(_missing(path, "explain")) from None
    except KeyError as error:
        raise InputError(f"{path} lacks {error}; expected all images' masks.") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is broken: {error}.") from None
    return masks


def _read_log(path: Path) -> list[LogRow]:
    try:
        log = [
            {
                key: text if key == "stage" else float(text)
                for key, text in row.items()
                if text and (key == "stage" or math.isfinite(float(text)))
            }
            for row in csv.DictReader(io.StringIO(_read_text(path, "train")))
        ]
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is broken: {error}.") from None
    if not log or not all({"stage", "epoch"} <= row.keys() for row in log):
        raise InputError(f"{path} has no epochs; expected one row an epoch.")
    return log


def _read_json(path: Path, verb: str) -> dict[str, Any]:
    try:
        return json.loads(_read_text(path, verb))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None


def _read_text(path: Path, verb: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(_missing(path, verb)) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is broken; expected text in UTF-8.") from None


def _missing(path: Path, verb: str) -> str:
    return f"{path} does not exist; expected a folder made by `keras-xai {verb}`."
