"""From a classifier and images to its decisions and their explanations on disk."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_xai.analyzers.innvestigate import Failure
from keras_xai.analyzers.methods import NUM_SAMPLES, AnalyzerSpec, describe_limits
from keras_xai.analyzers.network import build_float32, extract_network
from keras_xai.attributions import write_attributions
from keras_xai.comparison.cases import predict
from keras_xai.comparison.explaining import Progress, no_progress
from keras_xai.datasets.allocate import allocate
from keras_xai.datasets.collection import Collection
from keras_xai.errors import InputError
from keras_xai.folders import new_folder
from keras_xai.reconstructions import DecodedLayer, Judged, write_reconstructions
from keras_xai.training.runs import describe_environment

NUM_EXAMPLES = 8  # images beside their explanations in the report


def read_images(
    images: Collection,
    image_shape: tuple[int | None, int | None, int],
    *,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Reads images as a classifier takes them; memory does not grow with their number.

    Args:
        images: from `open_images`.
        image_shape: `(height, width, channels)`; the images are resized to it. Where a
            size is None, for any, they keep their own, which must then be one.
        progress: see `Progress`.

    Returns:
        `(num_images, height, width, channels)` uint8; a memory map if there are many.

    Raises:
        InputError: if an image cannot be read, or the sizes differ and the classifier
            has none.
    """
    height, width, num_channels = image_shape
    size = (height, width) if height and width else None
    filenames = images.filenames
    first = images.load(0, num_channels, size)
    pixels = allocate((len(filenames), *first.shape))
    with progress("images", len(filenames)) as report:
        for i, filename in enumerate(filenames):
            image = images.load(i, num_channels, size)
            if image.shape != first.shape:
                raise InputError(
                    f"{filename} has {image.shape[1]}×{image.shape[0]} pixels; expected"
                    f" {first.shape[1]}×{first.shape[0]} as {filenames[0]}, because "
                    "the classifier takes images of any size."
                )
            pixels[i] = image
            report(i + 1)
    return pixels


def explain_decisions(
    classifier: keras.Model,
    class_names: Sequence[str],
    images: np.ndarray,
    filenames: Sequence[str],
    methods: Mapping[str, AnalyzerSpec],
    out_dir: Path,
    *,
    decoded: DecodedLayer | None = None,
    batch_size: int = 32,
    num_samples: int = NUM_SAMPLES,
    seconds_per_method: float = 3600,
    settings: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> dict[str, Failure]:
    """Explains a classifier's own answer to each image.

    Writes predictions.csv (filename, label, one probability a class), what
    `write_attributions` adds for methods and `write_reconstructions` for a decoded
    layer, and for the report decisions.json and the first images, in examples.npz. The
    folder appears when it is whole.

    Args:
        classifier: from `(batch, height, width, channels)` float32 in [0, 1] to
            `(batch, num_classes)` probabilities, as from `build_image_classifier`.
        class_names: one a class.
        images: `(num_images, height, width, channels)` uint8; may be a memory map.
        filenames: one an image.
        methods: from `select_methods`; without one, iNNvestigate is not needed.
        out_dir: the folder to make.
        decoded: a layer to see the images through, from `open_decoded`.
        batch_size: images in memory at a time.
        num_samples: how many inputs SmoothGrad and integrated gradients average over.
        seconds_per_method: how long a method may take.
        settings: how the folder is made, to keep in decisions.json.
        progress: see `Progress`.

    Returns:
        Why a method has no heatmaps, for those that failed.

    Raises:
        InputError: if a number is too small, iNNvestigate is not installed or does not
            know a layer, the folder exists and is not empty, or nothing is explained.
    """
    for name, number in {
        "batch_size": batch_size,
        "num_samples": num_samples,
        "seconds_per_method": seconds_per_method,
    }.items():
        if not number >= 1:
            raise InputError(
                f"Invalid value for `{name}`. Expected at least 1. "
                f"Received: {name}={number}"
            )
    if not methods and decoded is None:
        raise InputError(
            "Invalid value for `methods`. Expected at least one, or a `decoded` layer. "
            "Received: methods={}"
        )
    network = extract_network(classifier) if methods else None
    notes: dict[str, str] = {}
    if network is not None:
        notes = describe_limits(methods, network.activations)
        classifier = build_float32(classifier)  # iNNvestigate's copy must agree with it
    judged: dict[str, Judged] = {}
    failures: dict[str, Failure] = {}
    with new_folder(out_dir) as part:
        probs = predict(classifier, images, batch_size)
        _write_predictions(part / "predictions.csv", filenames, class_names, probs)
        if decoded is not None:
            with progress("reconstructions", len(images)) as report:
                judged = write_reconstructions(
                    decoded,
                    classifier,
                    images,
                    filenames,
                    part,
                    batch_size=batch_size,
                    report=report,
                )
        if network is not None:
            failures = write_attributions(
                network,
                images,
                filenames,
                probs,
                methods,
                part,
                batch_size=batch_size,
                num_samples=num_samples,
                seconds_per_method=seconds_per_method,
                progress=progress,
            )
        if decoded is None and len(failures) == len(methods):
            reasons = "; ".join(f"{k}: {v.reason}" for k, v in failures.items())
            raise InputError(f"Expected heatmaps; every method failed. {reasons}")
        _write_examples(part / "examples.npz", images, filenames, class_names, probs)
        summary = {
            "settings": dict(settings or {}),
            "environment": describe_environment(),
            "class_names": list(class_names),
            "num_images": len(images),
            "decisions": _count_decisions(class_names, probs),
            "prob": _describe(probs.max(axis=1)),
            "methods": [
                {
                    "name": name,
                    "signed": spec.signed,
                    "failure": failures[name].reason if name in failures else None,
                    "note": notes.get(name, ""),
                }
                for name, spec in methods.items()
            ],
            "decoded": decoded and _describe_decoded(decoded, judged, probs),
        }
        text = json.dumps(summary, indent=2) + "\n"
        (part / "decisions.json").write_text(text, encoding="utf-8")
    return failures


def _write_predictions(
    path: Path,
    filenames: Sequence[str],
    class_names: Sequence[str],
    probs: np.ndarray,
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "label", *class_names])
        for filename, row in zip(filenames, probs, strict=True):
            label = class_names[int(row.argmax())]
            writer.writerow([filename, label, *(f"{p:.6f}" for p in row)])


def _write_examples(
    path: Path,
    images: np.ndarray,
    filenames: Sequence[str],
    class_names: Sequence[str],
    probs: np.ndarray,
) -> None:
    first = probs[:NUM_EXAMPLES]
    np.savez(
        path,
        image=images[:NUM_EXAMPLES],
        filename=np.array(filenames[:NUM_EXAMPLES]),
        label=np.array([class_names[i] for i in first.argmax(axis=1)]),
        prob=first.max(axis=1),
    )


def _count_decisions(class_names: Sequence[str], probs: np.ndarray) -> dict[str, int]:
    """Counts the images of each class that was decided, the most frequent first."""
    counts = np.bincount(probs.argmax(axis=1), minlength=len(class_names))
    order = np.argsort(-counts, kind="stable")
    return {class_names[i]: int(counts[i]) for i in order if counts[i]}


def _describe(values: np.ndarray) -> dict[str, float]:
    sd = values.std(ddof=1, dtype=np.float64) if len(values) > 1 else 0.0
    return {"mean": float(values.mean(dtype=np.float64)), "sd": float(sd)}


def _describe_decoded(
    decoded: DecodedLayer, judged: Mapping[str, Judged], probs: np.ndarray
) -> dict[str, Any]:
    decided = probs.argmax(axis=1)
    names = ("layer", "code_shape", "units")
    return {name: decoded.settings.get(name) for name in names} | {
        "methods": {
            method: {
                "squared_error": _describe(values.squared_error),
                "agreement": float((values.prediction == decided).mean()),
            }
            for method, values in judged.items()
        }
    }
