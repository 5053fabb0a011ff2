"""The heatmaps of every method: of the joint model, of analyzers, of baselines."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_xai.analyzers.innvestigate import Failure, analyze
from keras_xai.analyzers.methods import AnalyzerSpec
from keras_xai.analyzers.network import build_float32, extract_network
from keras_xai.comparison.cases import Case, predict
from keras_xai.comparison.heatmaps import (
    BASELINES,
    JOINT,
    build_explain,
    open_heatmaps,
    write_heatmaps,
)
from keras_xai.comparison.randomisation import randomise_classifier, randomise_joint

# From a description and a total to a context that gives a function to call with the
# number done so far.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

# What may go wrong with one method and leaves the others as they are.
EXPECTED_ERRORS = (FloatingPointError, MemoryError, tf.errors.ResourceExhaustedError)


def no_progress(
    description: str, total: int
) -> AbstractContextManager[Callable[[int], None]]:
    """Shows nothing."""
    return nullcontext(lambda done: None)


def explain_all(
    case: Case, folder: Path, *, progress: Progress = no_progress
) -> dict[str, Failure]:
    """Writes METHOD.npz for every method that has none yet.

    Args:
        case: what is compared.
        folder: where the files go, and perhaps are.
        progress: see `Progress`.

    Returns:
        Why a method has no heatmaps, for those that failed; a file that is there is
        not made again, a method that failed before is tried again.
    """
    names = [*([JOINT] if case.subject.joint else []), *BASELINES]
    failures: dict[str, Failure] = {}
    split = case.sample.split
    with progress("heatmaps: joint and baselines", len(names)) as report:
        for i, name in enumerate(names):
            path = folder / f"{name}.npz"
            if not path.exists():
                explain = build_explain(name, case.subject.joint, case.options.seed)
                try:
                    write_heatmaps(
                        explain,
                        split.images,
                        split.filenames,
                        path,
                        batch_size=case.options.batch_size,
                    )
                except EXPECTED_ERRORS as error:
                    reason = (str(error).splitlines() or ["it gives no reason"])[0]
                    failures[name] = Failure(
                        f"{type(error).__name__}: {reason}",
                        is_final=isinstance(error, FloatingPointError),
                    )
            report(i + 1)
    return failures | _analyze(
        case,
        case.specs,
        case.subject.classifier,
        case.classes,
        folder,
        partial(progress, "heatmaps: analyzers"),
    )


def explain_with_random_classifier(
    case: Case,
    names: Collection[str],
    folder: Path,
    *,
    progress: Progress = no_progress,
) -> tuple[Callable[[str], np.ndarray | None], dict[str, Failure]]:
    """Explains the first images again, by a classifier with random weights.

    It explains its own answers: a fixed class that it holds unlikely would turn signs
    round, or leave deep Taylor without relevance.

    Args:
        case: what is compared.
        names: of the methods to ask.
        folder: where the analyzers' files go, and perhaps are.
        progress: see `Progress`.

    Returns:
        A function from a method's name to its heatmaps, or None if it failed; and why.
    """
    seed = case.options.seed
    images = case.sample.split.images[: case.num_sanity_images]
    random = randomise_classifier(case.subject.classifier, seed)
    joint = case.subject.joint and randomise_joint(case.subject.joint, seed)
    asked = {n: s for n, s in case.specs.items() if n in names}
    given_up = {
        name: Failure("It failed before and was not asked for again.")
        for name in asked
        if name not in case.options.methods and not (folder / f"{name}.npz").exists()
    }
    failures = given_up | _analyze(
        case,
        {name: spec for name, spec in asked.items() if name not in given_up},
        random,
        predict(random, images, case.options.batch_size).argmax(axis=-1),
        folder,
        partial(progress, "heatmaps: random classifier"),
    )

    def heatmaps(name: str) -> np.ndarray | None:
        if name not in case.specs:
            explain = build_explain(name, joint, seed)
            explain(images[:1])  # as `write_heatmaps` does
            size = case.options.batch_size
            batches = [images[i : i + size] for i in range(0, len(images), size)]
            return np.concatenate([explain(batch) for batch in batches])
        path = folder / f"{name}.npz"
        return np.asarray(open_heatmaps(path)) if path.exists() else None

    return heatmaps, failures


def _analyze(
    case: Case,
    specs: Mapping[str, AnalyzerSpec],
    classifier: keras.Model,
    classes: np.ndarray,
    folder: Path,
    progress: Callable[[int], AbstractContextManager[Callable[[int], None]]],
) -> dict[str, Failure]:
    """Has iNNvestigate explain classes of the first images, where it has not yet."""
    missing = {
        name: spec
        for name, spec in specs.items()
        if not (folder / f"{name}.npz").exists()
    }
    if not missing:
        return {}
    split, num_images = case.sample.split, len(classes)
    images = split.images[:num_images]
    network = extract_network(classifier)
    with progress(len(missing) * num_images) as report:
        results = analyze(
            dataclasses.replace(network, scale=network.scale / 255),
            images,
            predict(build_float32(classifier), images, case.options.batch_size),
            missing,
            filenames=split.filenames[:num_images],
            input_range=(0, 255),
            out_dir=folder,
            classes=classes,
            batch_size=case.options.batch_size,
            num_samples=case.options.num_samples,
            precision=case.options.precision,
            seconds_per_method=case.options.seconds_per_method,
            report=report,
        )
    return {k: v for k, v in results.items() if isinstance(v, Failure)}
