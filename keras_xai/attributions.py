"""From a classifier and images to iNNvestigate's heatmaps of its decisions on disk."""

import csv
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from keras_xai.analyzers.innvestigate import Failure, analyze
from keras_xai.analyzers.methods import NUM_SAMPLES, AnalyzerSpec
from keras_xai.analyzers.network import Network
from keras_xai.comparison.explaining import Progress, no_progress
from keras_xai.comparison.heatmaps import open_heatmaps
from keras_xai.datasets.images import write_png
from keras_xai.report.figures import draw_heatmap_grid

NUM_ROWS = 4  # of heatmaps.png


def write_attributions(
    network: Network,
    images: np.ndarray,
    filenames: Sequence[str],
    probs: np.ndarray,
    methods: Mapping[str, AnalyzerSpec],
    out_dir: Path,
    *,
    batch_size: int = 32,
    num_samples: int = NUM_SAMPLES,
    seconds_per_method: float = 3600,
    progress: Progress = no_progress,
) -> dict[str, Failure]:
    """Explains a classifier's own answer to each image, with each method.

    Writes for each method METHOD/METHOD.npz (`heatmap`, float32 `(num_images, height,
    width)`, in the method's own units; `seconds`; `filename`; see `analyze`) and for
    each image a PNG in METHOD/heatmaps/ and METHOD/overlays/; heatmaps.png shows the
    first images beside all their heatmaps. failures.csv (method, reason) is there if a
    method failed.

    Args:
        network: from `extract_network`, of a classifier of images in [0, 1].
        images: `(num_images, height, width, channels)` uint8; may be a memory map.
        filenames: one an image.
        probs: `(num_images, num_classes)`, the classifier's in float32.
        methods: from `select_methods`, at least one.
        out_dir: a folder that is there.
        batch_size: images in memory at a time.
        num_samples: how many inputs SmoothGrad and integrated gradients average over.
        seconds_per_method: how long a method may take.
        progress: see `Progress`.

    Returns:
        Why a method has no heatmaps, for those that failed.

    Raises:
        InputError: if iNNvestigate is not installed.
    """
    with progress("heatmaps", len(methods) * len(images)) as report:
        results = analyze(
            dataclasses.replace(network, scale=network.scale / 255),
            images,
            probs,
            methods,
            filenames=filenames,
            input_range=(0, 255),
            out_dir=out_dir,
            batch_size=batch_size,
            num_samples=num_samples,
            seconds_per_method=seconds_per_method,
            report=report,
        )
    failures = {k: v for k, v in results.items() if isinstance(v, Failure)}
    if failures:
        _write_failures(out_dir / "failures.csv", failures)
    shown: dict[str, np.ndarray] = {}
    for name in methods:
        if name not in failures:
            with progress(f"pictures: {name}", len(images)) as report:
                shown[name] = _write_method(out_dir, name, images, filenames, report)
    if shown:
        draw_heatmap_grid(
            images[:NUM_ROWS],
            shown,
            out_dir / "heatmaps.png",
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
    folder.mkdir()
    npz = folder / f"{name}.npz"
    os.replace(part / npz.name, npz)
    heatmaps = open_heatmaps(npz)
    for i, (filename, image) in enumerate(zip(filenames, images, strict=True)):
        pictures = {
            "heatmaps": colour_heatmap(heatmaps[i]),
            "overlays": overlay_heatmap(image, heatmaps[i]),
        }
        for kind, rgb in pictures.items():
            write_png(folder / kind / f"{filename}.png", rgb)
        report(i + 1)
    return np.asarray(heatmaps[:NUM_ROWS])
