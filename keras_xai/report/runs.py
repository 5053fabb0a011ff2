"""The section on runs of `train`: how they learned, seed beside seed."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from keras_xai.report import curves
from keras_xai.report.curves import LogRow
from keras_xai.report.page import Made, Section, encode_json, to_table
from keras_xai.report.run_files import METRICS, Run
from keras_xai.report.run_recipes import group_runs
from keras_xai.report.run_verdict import judge_recipes, judge_run
from keras_xai.report.truths import check_classes


def build_section(runs: Sequence[Run], data_dir: Path | None) -> Section:
    """Lays out what runs learned.

    Args:
        runs: at least one.
        data_dir: the data set they were trained on, if it is known.

    Raises:
        InputError: if the data set has not their classes.
    """
    if data_dir is not None:
        for run in runs:
            check_classes(data_dir, run.settings["class_names"])
    recipes = group_runs(runs)
    verdict = judge_run(runs[0]) if len(runs) == 1 else judge_recipes(recipes)
    content = {
        "recipes": recipes,
        "runs": [(recipe.letter, run) for recipe in recipes for run in recipe.runs],
        "metrics": METRICS,
        "data_name": None if data_dir is None else data_dir.resolve().name,
        "stage_rows": _last_rows(runs[0].log),
        "missing": _list_missing(runs[0].log[-1]),
        "view": curves.VIEW,
        "plot": curves.PLOT,
    }
    return Section(
        "runs.html",
        "runs",
        runs[0].folder.resolve().name if len(runs) == 1 else f"{len(runs)} runs",
        "How it learned" if len(runs) == 1 else "How they learned",
        verdict,
        content,
        [_tell_how(run, data_dir) for recipe in recipes for run in recipe.runs],
    )


def _list_missing(row: LogRow) -> list[str]:
    """Names what a row lacks; there may be no other objects to put mass on."""
    known = {*row, "val_mass_on_distractors"} if "val_mass_on_target" in row else row
    return [name for key, name, _ in METRICS if key not in known]


def _last_rows(log: Sequence[LogRow]) -> list[LogRow]:
    """Returns the last epoch of each stage."""
    return [log[span.last_epoch - 1] for span in curves.lay_out_stages(log)]


def _tell_how(run: Run, data_dir: Path | None) -> Made:
    settings = run.settings
    command = ["keras-xai", "train", "DATA" if data_dir is None else str(data_dir)]
    options = ["--recipe", "recipe.json", "--seed", str(settings["seed"])]
    if run.target is not None:
        options += ["--target", run.target]
    if "classifier" in settings:
        options += ["--model", "MODEL", "--at", *settings.get("at", ["LAYER"])]
    if "input_range" in settings:
        options += ["--input-range", *(f"{x:.15g}" for x in settings["input_range"])]
    if settings.get("logits"):
        options.append("--logits")
    if settings.get("output_names"):
        options += ["--class-names", *settings["output_names"]]
    if "precision" in settings:
        options += ["--precision", settings["precision"]]
    if "image_shape" in settings:
        options += ["--size", *map(str, settings["image_shape"][:2])]
    command.append(f"{run.folder}-again")
    table = {k: v for k, v in settings.items() if k != "config"}
    table |= {k: v for k, v in settings["config"].items() if k != "stages"}
    return Made(
        f"Run {run.folder.resolve().name}",
        [f"{shlex.join(command)} \\\n    {shlex.join(options)}"],
        encode_json(settings["config"]),
        settings["config"]["stages"],
        {"Options": to_table(table), "Environment": to_table(run.environment)},
    )
