"""Every measure of every method, and why one is left out."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from keras_xai.analyzers.innvestigate import Failure
from keras_xai.comparison.cases import Case, find_margin
from keras_xai.comparison.complexity import complexity_measure
from keras_xai.comparison.explaining import (
    Progress,
    explain_with_random_classifier,
    no_progress,
)
from keras_xai.comparison.faithfulness import faithfulness_measure
from keras_xai.comparison.ground_truth import list_labels, localisation_measure
from keras_xai.comparison.heatmaps import open_heatmaps
from keras_xai.comparison.leaks import LABELS as LEAK_LABELS
from keras_xai.comparison.leaks import leak_measure
from keras_xai.comparison.measures import VERSION, Measure, Metric, Values
from keras_xai.comparison.randomisation import LABELS as RANDOMISATION_LABELS
from keras_xai.comparison.randomisation import randomisation_measure
from keras_xai.comparison.tables import read_values, write_values
from keras_xai.evaluation.fills import LEVELS
from keras_xai.training.leak_predictor import train_leak_predictor

VERSION_KEY = "version"  # beside the metrics of a file


class LeftOut(NamedTuple):
    """What was not measured.

    Attributes:
        metrics: their labels.
        reason: a sentence.
    """

    metrics: list[str]
    reason: str


class Measured(NamedTuple):
    """What was measured.

    Attributes:
        metrics: the columns, in display order.
        values: method to metric to one value an image.
        left_out: what was not measured.
        failures: methods that the random classifier could not be explained by, and why.
    """

    metrics: list[Metric]
    values: dict[str, Values]
    left_out: list[LeftOut]
    failures: dict[str, Failure]


def measure_all(
    case: Case,
    heatmaps: Mapping[str, Path],
    folder: Path,
    *,
    progress: Progress = no_progress,
) -> Measured:
    """Measures every method that has heatmaps; what is measured already stays.

    Args:
        case: what is compared.
        heatmaps: method to its file.
        folder: the comparison's. values/METHOD.npz gets every metric, one value an
            image; curves/METHOD.npz the curves of the faithfulness measures;
            randomised/ the random classifier's heatmaps; leak_predictor.keras.
        progress: see `Progress`.
    """
    left_out: list[LeftOut] = []
    random_heatmaps, failures = explain_with_random_classifier(
        case, heatmaps, folder / "randomised", progress=progress
    )
    for name, failure in failures.items():
        labels = [f"{label} of {name}" for label in RANDOMISATION_LABELS]
        reason = f"It failed for the random classifier: {failure.reason}"
        left_out.append(LeftOut(labels, reason))
    measures = [
        *_ground_truth(case, left_out),
        faithfulness_measure(
            case.subject.classifier.predict_on_batch,
            case.sample.split,
            case.classes,
            case.faithfulness,
            batch_size=case.options.batch_size,
            seed=case.options.seed,
            keep_curves=lambda method, curves: write_values(
                folder / "curves" / f"{method}.npz", curves
            ),
        ),
        randomisation_measure(random_heatmaps, case.num_sanity_images),
        *_leak(case, folder / "leak_predictor.keras", left_out),
        complexity_measure(),
    ]
    values = {
        name: _read_current(folder / "values" / f"{name}.npz") for name in heatmaps
    }
    for measure in measures:
        with progress(f"measures: {measure.title}", len(heatmaps)) as report:
            for i, (name, path) in enumerate(heatmaps.items()):
                if any(m.name not in values[name] for m in measure.metrics):
                    values[name] |= measure.compute(name, open_heatmaps(path))
                    write_values(
                        folder / "values" / f"{name}.npz",
                        values[name] | {VERSION_KEY: np.array(VERSION)},
                    )
                report(i + 1)
    metrics = [metric for measure in measures for metric in measure.metrics]
    return Measured(metrics, values, left_out, failures)


def _read_current(path: Path) -> Values:
    """Reads a method's values, if today's definitions measured them."""
    values = read_values(path)
    return values if values.pop(VERSION_KEY, 0) == VERSION else {}


def _ground_truth(case: Case, left_out: list[LeftOut]) -> list[Measure]:
    tolerance, labels = case.options.tolerance, case.sample.split.labels
    measures = []
    margin = find_margin(case.options)
    grown = f", grown by {margin} pixels" if margin else ""
    for region, name, meaning, lacking in (
        (
            case.sample.targets,
            "Target",
            f"the filled target{grown}",
            "object masks (SegmentationObject)",
        ),
        (case.sample.boxes, "Box", "the target's filled box", "annotations"),
    ):
        if region is not None and len(region.images):
            num_wrong = int((case.classes != labels)[region.images].sum())
            fact = (
                f"The classifier calls {num_wrong} of the {len(region.images)} "
                "otherwise, and analyzers explain what it says."
            )
            measures.append(
                localisation_measure(
                    region, name, meaning, tolerance=tolerance, fact=fact
                )
            )
            continue
        reason = (
            f"The data have no {lacking}."
            if region is None
            else "None of the images has a target on a part of it."
        )
        left_out.append(LeftOut(list_labels(name, tolerance=tolerance), reason))
    return measures


def _leak(case: Case, path: Path, left_out: list[LeftOut]) -> list[Measure]:
    if not case.options.leak_steps or case.subject.unmasked is None:
        reason = (
            "It needs the classifier that stage 1 leaves, which never met a mask; the "
            "run does not hold its weights."
            if case.options.leak_steps
            else "It was not asked for: leak_steps is 0."
        )
        left_out.append(LeftOut(list(LEAK_LABELS), reason))
        return []
    fill_value = LEVELS[case.background]
    if path.exists():
        predictor = keras.models.load_model(path, compile=False)
    else:
        predictor = train_leak_predictor(
            case.subject.unmasked,
            case.sample.train,
            fill_value=fill_value,
            num_steps=case.options.leak_steps,
            seed=case.options.seed,
        )
        part = path.with_name(f".{path.name}")
        predictor.save(part)
        os.replace(part, path)
    return [
        leak_measure(
            predictor.predict_on_batch,
            case.sample.split,
            fill_value=fill_value,
            batch_size=case.options.batch_size,
            seed=case.options.seed,
        )
    ]
