"""From a classifier and images to a folder in which all methods are compared."""

import json
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.analyzers.innvestigate import Failure
from keras_xai.analyzers.methods import (
    AnalyzerSpec,
    describe_limits,
    select_methods,
)
from keras_xai.comparison.cases import Case, describe, open_case
from keras_xai.comparison.explaining import Progress, explain_all, no_progress
from keras_xai.comparison.heatmaps import BASELINES, JOINT, read_seconds_per_image
from keras_xai.comparison.measuring import measure_all
from keras_xai.comparison.options import Options
from keras_xai.comparison.pictures import draw_figures, write_examples
from keras_xai.comparison.samples import Data, tell
from keras_xai.comparison.tables import Method, write_tables
from keras_xai.training.runs import describe_environment, open_run
from keras_xai.training.validation import TARGET_MARGIN

# What older folders do not say.
SINCE = {"target_margin": TARGET_MARGIN, "precision": "float32"}


def compare(
    run: Path,
    data: Data,
    out_dir: Path,
    options: Options,
    *,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Failure]:
    """Compares the explanations of one classifier by numbers and pictures.

    Killed at any moment, the same call goes on: heatmaps and values are kept a method
    and a measure at a time. A method that failed is tried again; other methods may be
    asked for, and those that have heatmaps stay. Memory does not grow with the number
    of images, but for those that are taken apart or explained by the random classifier,
    which are few by default.

    The folder receives heatmaps/METHOD.npz, values/METHOD.npz (each metric, one value
    an image), curves/METHOD.npz (MoRF, LeRF, deletion, insertion), table.csv,
    metrics.csv, examples.npz, the figures, and last of all comparison.json.

    Args:
        run: a folder of `train`, or a classifier's .keras file, which has no explainer.
        data: see `read_sample`.
        out_dir: the comparison's folder.
        options: the choices.
        progress: see `Progress`.
        say: called with one line a step.

    Returns:
        Why a method has no heatmaps, for those that failed, also of the random
        classifier.

    Raises:
        InputError: if something is missing, broken or does not fit, or the folder
            holds something else.

    Reference:
        [IbPRIA19] Sec. 2.3, Figs. 6 and 7.
    """
    environment = _describe_environment()  # of the code as it was started
    case = open_case(run, data, options)
    open_run(out_dir, describe(case), complete=lambda found: SINCE | found)
    case = case._replace(specs=case.specs | _earlier(case, out_dir / "heatmaps"))
    split = case.sample.split
    say(
        f"{split.num_images} of {case.sample.num_available} images, "
        f"{len(case.specs)} analyzers"
    )
    failures = explain_all(case, out_dir / "heatmaps", progress=progress)
    for name, failure in failures.items():
        say(f"{name} failed: {failure.reason}")
    names = [*([JOINT] if case.subject.joint else []), *case.specs, *BASELINES]
    heatmaps = {
        name: out_dir / "heatmaps" / f"{name}.npz"
        for name in names
        if name not in failures
    }
    say(f"measures of {len(heatmaps)} methods")
    measured = measure_all(case, heatmaps, out_dir, progress=progress)
    for name, failure in measured.failures.items():
        say(f"{name} failed for the random classifier: {failure.reason}")
    notes = BASELINES | _describe_analyzers(case)
    write_examples(case, out_dir / "examples.npz")
    draw_figures(case, heatmaps, out_dir)
    write_tables(
        out_dir,
        [
            Method(
                name,
                _kind(name),
                in_paper=name == JOINT
                or (name in case.specs and case.specs[name].in_paper),
                signed=name in case.specs and case.specs[name].signed,
                seconds_per_image=read_seconds_per_image(heatmaps[name])
                if name in heatmaps
                else None,
                failure=failures[name].reason if name in failures else None,
                note=notes.get(name, ""),
            )
            for name in names
        ],
        measured.metrics,
        {name: measured.values.get(name, {}) for name in names},
        {
            "settings": {
                "run": str(run),
                "data": tell(data),
                **describe(case),
                "methods": list(case.specs),
                "batch_size": options.batch_size,
                "seconds_per_method": options.seconds_per_method,
            },
            "environment": environment,
            "begun": json.loads((out_dir / "environment.json").read_text()),
            "class_names": list(case.class_names),
            "majority_rate": split.majority_rate,
            "accuracy": _measure_accuracy(case),
            "left_out": [part._asdict() for part in measured.left_out],
        },
    )
    return failures | {
        f"{name} of the random classifier": failure
        for name, failure in measured.failures.items()
    }


def _describe_analyzers(case: Case) -> dict[str, str]:
    limits = describe_limits(case.specs, case.activations)
    if case.options.precision == "float32":
        return limits
    sentence = f"Its products are in {case.options.precision}, the mask's in float32."
    return {name: f"{limits.get(name, '')} {sentence}".strip() for name in case.specs}


def _earlier(case: Case, folder: Path) -> dict[str, AnalyzerSpec]:
    """Finds the analyzers that have heatmaps already and are not asked for again."""
    known = {JOINT, *BASELINES, *case.specs}
    names = sorted(path.stem for path in folder.glob("*.npz"))
    return select_methods([name for name in names if name not in known])


def _kind(name: str) -> str:
    if name == JOINT:
        return "joint"
    return "baseline" if name in BASELINES else "analyzer"


def _measure_accuracy(case: Case) -> dict[str, float | None]:
    """Measures accuracy with the explainer's mask, and of the explained classifier."""
    split, joint = case.sample.split, case.subject.joint
    accuracy: dict[str, float | None] = {
        "joint": None,
        "classifier": float(np.mean(case.classes == split.labels)),
    }
    if joint is not None:
        size = case.options.batch_size
        answers = [
            joint.predict_on_batch(split.images[i : i + size])["probs"].argmax(axis=-1)
            for i in range(0, split.num_images, size)
        ]
        accuracy["joint"] = float(np.mean(np.concatenate(answers) == split.labels))
    return accuracy


def _describe_environment() -> dict[str, Any]:
    environment = describe_environment()
    for module, package in (("innvestigate", "innvestigate"), ("tf_keras", "tf-keras")):
        if util.find_spec(module) is not None:
            environment["packages"][package] = metadata.version(package)
    return environment
