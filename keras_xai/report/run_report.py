"""Writes the report of a joint training: one HTML file that needs nothing else."""

import base64
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from keras_xai.errors import InputError
from keras_xai.report import curves, examples
from keras_xai.report.inputs import LogRow, Prediction, read_predictions, read_run

# Column of log.csv, its name, and what it says.
METRICS = (
    ("val_accuracy", "Accuracy", "of the validation images are labelled right"),
    ("val_pointing_game", "Pointing game", "of the masks are strongest on the target"),
    ("val_mass_on_target", "Mass on target", "of a mask’s mass lies on the target"),
    ("val_mass_on_distractors", "Mass on others", "of it lies on other objects"),
    ("val_coverage", "Mask coverage", "is the mean of the masks over all pixels"),
)


def write_run_report(
    run_dir: Path,
    data_dir: Path,
    explanations_dir: Path,
    out_path: Path,
    *,
    num_examples: int = 12,
) -> None:
    """Writes what a run learned and what its masks show, for a person to read.

    The file loads nothing from elsewhere. It appears when it is whole.

    Args:
        run_dir: the folder of `train`.
        data_dir: the data set it was trained on, in VOC layout.
        explanations_dir: what `explain` wrote for this run and data set.
        out_path: the HTML file to write; an older one is replaced.
        num_examples: number of validation images to show, at least 1.

    Raises:
        InputError: if a file is missing or broken, or the folders do not belong
            together.
    """
    if num_examples < 1:
        raise InputError(
            "Invalid value for `num_examples`. Expected at least 1. "
            f"Received: num_examples={num_examples}"
        )
    run = read_run(run_dir)
    class_names = run.settings["class_names"]
    predictions = read_predictions(data_dir, explanations_dir, class_names)
    chosen = examples.choose(predictions, num_examples)
    last = run.log[-1]
    page = _template().render(
        run_name=run_dir.resolve().name,
        data_name=data_dir.resolve().name,
        class_names=class_names,
        settings=run.settings,
        metrics=METRICS,
        last=last,
        missing=[name for key, name, _ in METRICS if key not in last],
        num_epochs=len(run.log),
        num_planned=sum(stage["epochs"] for stage in run.settings["config"]["stages"]),
        stage_rows=_last_rows(run.log),
        stage_spans=curves.lay_out_stages(run.log),
        charts=curves.lay_out_charts(run.log),
        view=curves.VIEW,
        plot=curves.PLOT,
        groups={
            group: examples.encode(members, data_dir, explanations_dir)
            for group, members in chosen.items()
            if members
        },
        counts=_count(predictions),
        threshold=examples.THRESHOLD,
        scale=examples.encode_viridis(),
        options=_options(run.settings),
        stages=run.settings["config"]["stages"],
        environment={k: _to_text(v) for k, v in run.environment.items()},
        recipe=_encode_recipe(run.settings["config"]),
        commands=_commands(run.settings, run_dir, data_dir, explanations_dir),
    )
    _write_atomically(out_path, page)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_xai.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": curves.format_share,
        "loss": curves.format_loss,
        "text": _to_text,
    }
    return environment.get_template("run_report.html")


def _last_rows(log: Sequence[LogRow]) -> list[LogRow]:
    """Returns the last epoch of each stage."""
    return [log[span.last_epoch - 1] for span in curves.lay_out_stages(log)]


def _count(predictions: Sequence[Prediction]) -> list[list[int]]:
    """Counts images by true label (row) and predicted label (column)."""
    counts = [[0, 0], [0, 0]]
    for prediction in predictions:
        counts[prediction.truth][prediction.label] += 1
    return counts


def _options(settings: dict[str, Any]) -> dict[str, str]:
    """Lists all settings but the stages, which have a table of their own."""
    options = {k: v for k, v in settings.items() if k != "config"}
    options |= {k: v for k, v in settings["config"].items() if k != "stages"}
    return {name: _to_text(value) for name, value in options.items()}


def _to_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_to_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{k} {_to_text(v)}" for k, v in value.items())
    return json.dumps(value)


def _encode_recipe(config: dict[str, Any]) -> str:
    text = json.dumps(config, indent=2)
    return f"data:application/json;base64,{base64.b64encode(text.encode()).decode()}"


def _commands(
    settings: dict[str, Any], run_dir: Path, data_dir: Path, explanations_dir: Path
) -> list[str]:
    """Writes the commands that repeat run and explanations beside the first ones."""
    train = ["keras-xai", "train", str(data_dir), f"{run_dir}-again"]
    options = ["--recipe", "recipe.json", "--target", settings["class_names"][1]]
    options += ["--seed", str(settings["seed"])]
    if "precision" in settings:
        options += ["--precision", settings["precision"]]
    explain = ["keras-xai", "explain", f"{run_dir}-again", str(data_dir)]
    explain += [f"{explanations_dir}-again"]
    return [f"{shlex.join(train)} \\\n    {shlex.join(options)}", shlex.join(explain)]


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
