"""Writes the report of a decoded layer: one HTML file that needs nothing else."""

import base64
import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
from PIL import Image

from keras_xai.errors import InputError

METHODS = {"original": "original", "ref_ae": "RefAE", "cladec": "ClaDec"}
METRICS = {
    "squared_error": "squared error",
    "ssim": "SSIM",
    "feature_cosine": "feature cosine",
    "agreement": "agreement",
    "accuracy": "accuracy",
    "cross_entropy": "cross-entropy",
}
SHARES = ("agreement", "accuracy")


class Tile(NamedTuple):
    """One picture of an example: an image or a reconstruction, as a data URI."""

    name: str
    picture: str
    prediction: str  # what the classifier says of it
    numbers: str  # squared error and SSIM; empty for the image itself


class Example(NamedTuple):
    """One image with its reconstructions."""

    filename: str
    truth: str
    is_correct: bool
    width: int
    tiles: list[Tile]


def write_decode_report(folder: Path, out_path: Path, *, num_examples: int = 8) -> None:
    """Writes what a layer's decoders show, for a person to read.

    The file loads nothing from elsewhere. Grey values are never stretched.

    Args:
        folder: what `decode` wrote: settings.json, metrics.csv, images.csv and
            reconstructions.npz.
        out_path: the HTML file to write.
        num_examples: number of images to show of each group, misclassified and correct.

    Raises:
        InputError: if a file is missing or broken.
    """
    try:
        settings = json.loads((folder / "settings.json").read_text())
        metrics = _read_metrics(folder / "metrics.csv")
        with (folder / "images.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        groups = _choose(rows, num_examples)
        examples = _read_examples(folder, settings, rows, groups)
    except FileNotFoundError as error:
        raise InputError(
            f"{error.filename} does not exist; expected a folder made by "
            "`keras-xai decode`."
        ) from None
    except (ValueError, KeyError) as error:
        raise InputError(f"{folder} is broken: {error}.") from None
    page = _template().render(
        settings=settings,
        metrics=metrics,
        metric_names=METRICS,
        methods=METHODS,
        alpha=settings["config"]["alpha"],
        examples=examples,
        counts={
            "misclassified": sum(r["label"] != r["prediction"] for r in rows),
            "correct": sum(r["label"] == r["prediction"] for r in rows),
        },
        options=_options(settings),
    )
    out_path.write_text(page, encoding="utf-8")


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_xai.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("decode_report.html")


def _read_metrics(path: Path) -> dict[str, dict[str, str]]:
    """Reads method to metric to `mean ± sd` as text."""
    metrics: dict[str, dict[str, str]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            mean, sd = float(row["mean"]), float(row["sd"])
            if row["metric"] in SHARES:
                text = f"{mean:.1%}"
            else:
                text = f"{mean:.3g} ± {sd:.2g}"
            metrics.setdefault(row["method"], {})[row["metric"]] = text
    return metrics


def _choose(
    rows: Sequence[Mapping[str, str]], num_examples: int
) -> dict[str, list[int]]:
    """Takes the first test images of each group."""
    correct = [i for i, row in enumerate(rows) if row["label"] == row["prediction"]]
    wrong = [i for i, row in enumerate(rows) if row["label"] != row["prediction"]]
    return {"misclassified": wrong[:num_examples], "correct": correct[:num_examples]}


def _read_examples(
    folder: Path,
    settings: Mapping[str, Any],
    rows: Sequence[Mapping[str, str]],
    groups: Mapping[str, Sequence[int]],
) -> dict[str, list[Example]]:
    class_names, methods = settings["class_names"], settings["methods"]
    with np.load(folder / "reconstructions.npz") as arrays:
        pictures = {method: arrays[method] for method in methods}
        images = arrays["image"]

    def encode(index: int) -> Example:
        row = rows[index]
        name = class_names[int(row["prediction"])]
        tiles = [Tile("original", _to_png(images[index]), name, "")]
        for method in methods:
            tiles.append(
                Tile(
                    METHODS.get(method, method),
                    _to_png(np.round(pictures[method][index] * 255).astype(np.uint8)),
                    class_names[int(float(row[f"{method}_prediction"]))],
                    f"error {float(row[f'{method}_squared_error']):.3g} · "
                    f"SSIM {float(row[f'{method}_ssim']):.2f}",
                )
            )
        return Example(
            row["filename"],
            class_names[int(row["label"])],
            row["label"] == row["prediction"],
            images.shape[2],
            tiles,
        )

    return {
        group: [encode(i) for i in members]
        for group, members in groups.items()
        if members
    }


def _to_png(image: np.ndarray) -> str:
    """Encodes `(height, width, channels)` uint8 as a data URI."""
    data = io.BytesIO()
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(pixels).save(data, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def _options(settings: Mapping[str, Any]) -> dict[str, str]:
    """Lists the settings that have no place of their own on the page."""
    options = {k: v for k, v in settings.items() if k not in ("config", "environment")}
    options |= settings["config"] | settings["environment"]
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in options.items()
        if value not in (None, {}, [])
    }
