"""From a classifier and images to iNNvestigate's heatmaps of its decisions on disk."""

import csv
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import keras
import matplotlib
import numpy as np

from keras_xai.analyzers.innvestigate import Failure, analyze
from keras_xai.analyzers.methods import NUM_SAMPLES, AnalyzerSpec
from keras_xai.analyzers.network import build_float32, extract_network
from keras_xai.comparison.cases import predict
from keras_xai.comparison.explaining import Progress, no_progress
from keras_xai.comparison.heatmaps import open_heatmaps
from keras_xai.datasets.allocate import allocate
from keras_xai.datasets.images import read_image
from keras_xai.errors import InputError
from keras_xai.folders import new_folder
from keras_xai.report.figures import draw_heatmap_grid

NUM_ROWS = 4  # of heatmaps.png


def read_images(
    paths: Sequence[Path],
    image_shape: tuple[int | None, int | None, int],
    *,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Reads image files as a classifier takes them; memory does not grow with them.

    Args:
        paths: the image files.
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
    first = read_image(paths[0], num_channels, size)
    images = allocate((len(paths), *first.shape))
    with progress("images", len(paths)) as report:
        for i, path in enumerate(paths):
            image = read_image(path, num_channels, size)
            if image.shape != first.shape:
                raise InputError(
                    f"{path} has {image.shape[1]}×{image.shape[0]} pixels; expected "
                    f"{first.shape[1]}×{first.shape[0]} as {paths[0].name}, because "
                    "the classifier takes images of any size."
                )
            images[i] = image
            report(i + 1)
    return images


def name_classes(names: Sequence[str] | None, num_classes: int) -> tuple[str, ...]:
    """Names a classifier's classes.

    Args:
        names: one a class, or None for "class 0", "class 1" and so on.
        num_classes: how many there are.

    Raises:
        InputError: if there are more names or fewer, or one is there twice.
    """
    if names is None:
        return tuple(f"class {i}" for i in range(num_classes))
    if len(names) != num_classes or len(set(names)) != num_classes:
        raise InputError(
            f"Invalid value for `class_names`. Expected {num_classes} different names, "
            "one for each of the model's outputs. "
            f"Received: {len(names)}: {', '.join(names)}"
        )
    return tuple(names)


def explain_decisions(
    classifier: keras.Model,
    class_names: Sequence[str],
    images: np.ndarray,
    filenames: Sequence[str],
    methods: Mapping[str, AnalyzerSpec],
    out_dir: Path,
    *,
    batch_size: int = 32,
    num_samples: int = NUM_SAMPLES,
    seconds_per_method: float = 3600,
    progress: Progress = no_progress,
) -> dict[str, Failure]:
    """Explains a classifier's own answer to each image, with each method.

    Writes predictions.csv (filename, label, one probability a class) and for each
    method METHOD/METHOD.npz (`heatmap`, float32 `(num_images, height, width)`, in the
    method's own units; `seconds`; `filename`; see `analyze`) and for each image a PNG
    in METHOD/heatmaps/ and METHOD/overlays/; heatmaps.png shows the first images
    beside all their heatmaps. failures.csv (method, reason) is there if a method
    failed. The folder appears when it is whole.

    Args:
        classifier: from `(batch, height, width, channels)` float32 in [0, 1] to
            `(batch, num_classes)` probabilities, as from `build_image_classifier`.
        class_names: one a class.
        images: `(num_images, height, width, channels)` uint8; may be a memory map.
        filenames: one an image.
        methods: from `select_methods`.
        out_dir: the folder to make.
        batch_size: images in memory at a time.
        num_samples: how many inputs SmoothGrad and integrated gradients average over.
        seconds_per_method: how long a method may take.
        progress: see `Progress`.

    Returns:
        Why a method has no heatmaps, for those that failed.

    Raises:
        InputError: if a number is too small, iNNvestigate is not installed or does not
            know a layer, the folder exists and is not empty, or every method failed.
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
    network = extract_network(classifier)
    with new_folder(out_dir) as part:
        probs = predict(build_float32(classifier), images, batch_size)
        _write_predictions(part / "predictions.csv", filenames, class_names, probs)
        with progress("heatmaps", len(methods) * len(images)) as report:
            results = analyze(
                dataclasses.replace(network, scale=network.scale / 255),
                images,
                probs,
                methods,
                filenames=filenames,
                input_range=(0, 255),
                out_dir=part,
                batch_size=batch_size,
                num_samples=num_samples,
                seconds_per_method=seconds_per_method,
                report=report,
            )
        failures = {k: v for k, v in results.items() if isinstance(v, Failure)}
        explained = [name for name in methods if name not in failures]
        if not explained:
            reasons = "; ".join(f"{k}: {v.reason}" for k, v in failures.items())
            raise InputError(f"Expected heatmaps; every method failed. {reasons}")
        if failures:
            _write_failures(part / "failures.csv", failures)
        shown: dict[str, np.ndarray] = {}
        for name in explained:
            with progress(f"pictures: {name}", len(images)) as report:
                shown[name] = _write_method(part, name, images, filenames, report)
        draw_heatmap_grid(
            images[:NUM_ROWS],
            shown,
            part / "heatmaps.png",
            title="Red for the class, blue against it",
            colours="fair",
        )
    return failures


def colour_heatmap(heatmap: np.ndarray) -> np.ndarray:
    """Colours a heatmap: red speaks for the class, blue against it, white is zero.

    Args:
        heatmap: `(height, width)` float; divided by its largest absolute value.

    Returns:
        `(height, width, 3)` uint8 RGB.
    """
    return _seismic(_relative(heatmap))


def overlay_heatmap(image: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """Lays the coloured heatmap over its image in grey.

    Args:
        image: `(height, width, channels)` uint8.
        heatmap: `(height, width)` float; the nearer a value to the largest absolute
            one, the less of the image is seen.

    Returns:
        `(height, width, 3)` uint8 RGB.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.shape[2] == 3 else image
    relative = _relative(heatmap)
    weight = np.abs(relative)[..., None]
    blend = weight * _seismic(relative) + (1 - weight) * grey.reshape(
        *grey.shape[:2], 1
    )
    return np.rint(blend).astype(np.uint8)


def _relative(heatmap: np.ndarray) -> np.ndarray:
    return heatmap / (np.abs(heatmap).max() or 1.0)


def _seismic(relative: np.ndarray) -> np.ndarray:
    colours = matplotlib.colormaps["seismic"]((relative + 1) / 2, bytes=True)
    return colours[..., :3]


def _write_predictions(
    path: Path,
    filenames: Sequence[str],
    class_names: Sequence[str],
    probs: np.ndarray,
) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "label", *class_names])
        for filename, row in zip(filenames, probs, strict=True):
            label = class_names[int(row.argmax())]
            writer.writerow([filename, label, *(f"{p:.6f}" for p in row)])


def _write_failures(path: Path, failures: Mapping[str, Failure]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "reason"])
        writer.writerows([name, failure.reason] for name, failure in failures.items())


def _write_method(
    part: Path,
    name: str,
    images: np.ndarray,
    filenames: Sequence[str],
    report: Callable[[int], None],
) -> np.ndarray:
    """Gives a method its folder with its pictures; returns its first heatmaps."""
    folder = part / name
    for kind in ("heatmaps", "overlays"):
        (folder / kind).mkdir(parents=True)
    path = folder / f"{name}.npz"
    os.replace(part / path.name, path)
    heatmaps = open_heatmaps(path)
    for i, (filename, image) in enumerate(zip(filenames, images, strict=True)):
        pictures = {
            "heatmaps": colour_heatmap(heatmaps[i]),
            "overlays": overlay_heatmap(image, heatmaps[i]),
        }
        for kind, rgb in pictures.items():
            _, png = cv2.imencode(".png", rgb[..., ::-1])
            (folder / kind / f"{filename}.png").write_bytes(png.tobytes())
        report(i + 1)
    return np.asarray(heatmaps[:NUM_ROWS])
