"""Reads a folder of `train`: its options and its log."""

import math
from pathlib import Path
from typing import Any, NamedTuple

from keras_xai.datasets.class_names import find_target
from keras_xai.errors import InputError
from keras_xai.report.curves import LogRow
from keras_xai.report.files import read_json, read_rows

SETTINGS = ("seed", "class_names", "num_train", "num_validation", "config", "stages")
# Column of log.csv, its name, and what it says.
METRICS = (
    ("val_accuracy", "Accuracy", "of the validation images are labelled right"),
    ("val_pointing_game", "Pointing game", "of the masks are strongest on the target"),
    ("val_mass_on_target", "Mass on target", "of a mask’s mass lies on the target"),
    ("val_mass_on_distractors", "Mass on others", "of it lies on other objects"),
    ("val_iou", "Overlap", "is the IoU of mask above 0.75 and target"),
    ("val_coverage", "Mask coverage", "is the mean of the masks over all pixels"),
)


class Run(NamedTuple):
    """A run folder.

    Attributes:
        folder: where it is.
        settings: config.json.
        environment: environment.json.
        log: log.csv, one dict an epoch: `stage` as text, the rest as finite floats; an
            empty or non-finite cell is left out.
    """

    folder: Path
    settings: dict[str, Any]
    environment: dict[str, Any]
    log: list[LogRow]

    @property
    def target(self) -> str | None:
        """The class that is there or not; None if the classes are others."""
        return find_target(self.settings["class_names"])

    @property
    def num_planned(self) -> int:
        """Epochs of all stages."""
        return sum(stage["epochs"] for stage in _stages(self.settings))

    @property
    def is_finished(self) -> bool:
        """Whether every epoch is in the log."""
        return len(self.log) >= self.num_planned


def read_run(folder: Path) -> Run:
    """Reads a run folder of the joint model.

    Raises:
        InputError: if a file is missing, broken or not of such a run.
    """
    path = folder / "config.json"
    settings = read_json(path, "train")
    found = {*settings, *settings.get("config", ())}
    missing = [key for key in SETTINGS if key not in found]
    if missing:
        raise InputError(f"{path} lacks `{missing[0]}`; expected a run of `train`.")
    if len(settings["class_names"]) < 2:
        raise InputError(
            f"{path} must name at least 2 classes. "
            f"Received: class_names={settings['class_names']}"
        )
    if not all({"name", "epochs"} <= {*stage} for stage in _stages(settings)):
        raise InputError(
            f"{path} has a stage without a name or a number of epochs; expected a run "
            "of `train`."
        )
    environment = read_json(folder / "environment.json", "train")
    return Run(folder, settings, environment, _read_log(folder / "log.csv"))


def _stages(settings: dict[str, Any]) -> list[dict[str, Any]]:
    return settings["config"]["stages"]


def _read_log(path: Path) -> list[LogRow]:
    try:
        log = [
            {
                key: text if key == "stage" else float(text)
                for key, text in row.items()
                if text and (key == "stage" or math.isfinite(float(text)))
            }
            for row in read_rows(path, "train")
        ]
    except ValueError as error:
        raise InputError(f"{path} is broken: {error}.") from None
    if not log or not all({"stage", "epoch"} <= row.keys() for row in log):
        raise InputError(f"{path} has no epochs; expected one row an epoch.")
    return log
