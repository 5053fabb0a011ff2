"""The section on layers that `decode` decoded: reconstructions beside their images."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from keras_xai.errors import InputError
from keras_xai.report import pictures
from keras_xai.report.files import read_items, read_json, read_rows
from keras_xai.report.formats import enumerate_words, format_mean, format_share
from keras_xai.report.page import Made, Section, to_table

METHODS = {"original": "original", "ref_ae": "RefAE", "cladec": "ClaDec"}
METRICS = {  # name, and whether higher is better
    "squared_error": ("squared error", False),
    "ssim": ("SSIM", True),
    "feature_cosine": ("feature cosine", True),
    "agreement": ("agreement", True),
    "accuracy": ("accuracy", True),
    "cross_entropy": ("cross-entropy", False),
}
SETTINGS = (
    "layer",
    "code_shape",
    "units",
    "methods",
    "seed",
    "num_test",
    "class_names",
    "config",
    "environment",
)
SHARES = ("agreement", "accuracy")
NUM_EXAMPLES = 8  # of each group


class Value(NamedTuple):
    """A mean over the test images."""

    mean: float
    sd: float | None  # None for a share, which the mean tells already
    n: int

    @property
    def text(self) -> str:
        """As the table shows it."""
        if self.sd is None:
            return format_share(self.mean)
        return format_mean(self.mean, self.sd)


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


class Decoding(NamedTuple):
    """A folder of `decode`.

    Attributes:
        settings: settings.json.
        metrics: method to metric to value.
        majority_rate: of the test images.
        examples: the first test images, misclassified and correct.
        num_of: all test images of each group.
    """

    settings: dict[str, Any]
    metrics: dict[str, dict[str, Value]]
    majority_rate: float
    examples: dict[str, list[Example]]
    num_of: dict[str, int]


def read_decoding(folder: Path) -> Decoding:
    """Reads a folder of `decode`.

    Raises:
        InputError: if a file is missing or broken.
    """
    path = folder / "settings.json"
    settings = read_json(path, "decode")
    for name in SETTINGS:
        if name not in settings:
            raise InputError(f"{path} lacks `{name}`; expected a file of `decode`.")
    rows = read_rows(folder / "images.csv", "decode")
    try:
        groups = {
            "misclassified": [
                i for i, row in enumerate(rows) if row["label"] != row["prediction"]
            ],
            "correct": [
                i for i, row in enumerate(rows) if row["label"] == row["prediction"]
            ],
        }
        return Decoding(
            settings,
            _read_metrics(folder / "metrics.csv"),
            Counter(row["label"] for row in rows).most_common(1)[0][1] / len(rows),
            {
                group: _read_examples(folder, settings, rows, members[:NUM_EXAMPLES])
                for group, members in groups.items()
                if members
            },
            {group: len(members) for group, members in groups.items()},
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{folder} is broken: {error!r}.") from None


def build_section(folders: Sequence[Path]) -> Section:
    """Lays out what layers still know of their input.

    Args:
        folders: of `decode`, at least one.

    Raises:
        InputError: if a file is missing or broken.
    """
    decodings = [read_decoding(folder) for folder in folders]
    return Section(
        "decodings.html",
        "decodings",
        f"What {enumerate_words([d.settings['layer'] for d in decodings])} "
        f"still {'knows' if len(decodings) == 1 else 'know'}",
        "What is left of the images",
        _judge(decodings),
        {
            "decodings": decodings,
            "metrics": METRICS,
            "methods": METHODS,
            "n": _common_n(decodings),
            "layers_of_alpha": _group_by_alpha(decodings),
        },
        [_tell_how(decoding.settings) for decoding in decodings],
    )


def _common_n(decodings: Sequence[Decoding]) -> int | None:
    """Returns how many images all means are over; None if their numbers differ."""
    ns = {
        value.n
        for decoding in decodings
        for values in decoding.metrics.values()
        for value in values.values()
    }
    return ns.pop() if len(ns) == 1 else None


def _read_metrics(path: Path) -> dict[str, dict[str, Value]]:
    metrics: dict[str, dict[str, Value]] = {}
    for row in read_rows(path, "decode"):
        sd = None if row["metric"] in SHARES else float(row["sd"])
        value = Value(float(row["mean"]), sd, int(row["n"]))
        metrics.setdefault(row["method"], {})[row["metric"]] = value
    return metrics


def _read_examples(
    folder: Path,
    settings: dict[str, Any],
    rows: Sequence[dict[str, str]],
    indices: Sequence[int],
) -> list[Example]:
    path, class_names = folder / "reconstructions.npz", settings["class_names"]
    images = read_items(path, "image", indices, "decode")
    reconstructions = {
        method: np.round(read_items(path, method, indices, "decode") * 255)
        for method in settings["methods"]
    }
    examples = []
    for i, index in enumerate(indices):
        row = rows[index]
        label = class_names[int(row["prediction"])]
        tiles = [Tile("original", pictures.encode_image(images[i]), label, "")]
        for method, pixels in reconstructions.items():
            tiles.append(
                Tile(
                    METHODS.get(method, method),
                    pictures.encode_image(pixels[i].astype(np.uint8)),
                    class_names[int(float(row[f"{method}_prediction"]))],
                    f"error {float(row[f'{method}_squared_error']):.3g} · "
                    f"SSIM {float(row[f'{method}_ssim']):.2f}",
                )
            )
        examples.append(
            Example(
                row["filename"],
                class_names[int(row["label"])],
                row["label"] == row["prediction"],
                images.shape[2],
                tiles,
            )
        )
    return examples


def _group_by_alpha(decodings: Sequence[Decoding]) -> dict[float, str]:
    layers: dict[float, list[str]] = {}
    for decoding in decodings:
        alpha = decoding.settings["config"]["alpha"]
        layers.setdefault(alpha, []).append(decoding.settings["layer"])
    return {alpha: enumerate_words(names) for alpha, names in layers.items()}


def _judge(decodings: Sequence[Decoding]) -> list[Markup]:
    intro = Markup(
        "A decoder was trained to turn what a layer says back into the image. What it "
        "cannot bring back, the layer does not know, or the decoder cannot draw. "
    )
    if all("ref_ae" in decoding.metrics for decoding in decodings):
        intro += Markup(
            "RefAE is the same architecture trained to reconstruct from end to end: "
            "what both lose, the architecture loses, and only what differs can be put "
            "down to the classifier."
        )
    else:
        intro += Markup(
            "Where no RefAE was trained beside it, what the architecture loses and "
            "what the classifier ignores cannot be told apart."
        )
    intro += Markup(" ± is the standard deviation over the test images.")
    return [intro, *map(_judge_layer, decodings)]


def _judge_layer(decoding: Decoding) -> Markup:
    settings, metrics = decoding.settings, decoding.metrics
    size = f"{' × '.join(map(str, settings['code_shape']))} values"
    if settings["units"]:
        size += f" of which {len(settings['units'])} units were kept"
    text = Markup(
        "Layer <b>{}</b>, {}: of the {} test images the classifier labels <b>{}</b> "
        "right (the majority rate is {}), of their reconstructions <b>{}</b>"
    ).format(
        settings["layer"],
        size,
        settings["num_test"],
        metrics["original"]["accuracy"].text,
        format_share(decoding.majority_rate),
        metrics["cladec"]["accuracy"].text,
    )
    if "ref_ae" not in metrics:
        return text + Markup("; their squared error is <b>{}</b>.").format(
            metrics["cladec"]["squared_error"].text
        )
    return text + Markup(
        ", of RefAE’s {}. Their squared error is <b>{}</b>, that of RefAE’s {}."
    ).format(
        metrics["ref_ae"]["accuracy"].text,
        metrics["cladec"]["squared_error"].text,
        metrics["ref_ae"]["squared_error"].text,
    )


def _tell_how(settings: dict[str, Any]) -> Made:
    options = {k: v for k, v in settings.items() if k not in ("config", "environment")}
    options |= settings["config"]
    commands = []
    if "model" in settings:
        commands.append(shlex.join(_command(settings)))
    tables = {
        "Options": to_table(options),
        "Environment": to_table(settings["environment"]),
    }
    return Made(f"Layer {settings['layer']}", commands, None, [], tables)


def _command(settings: dict[str, Any]) -> list[str]:
    """Writes the command that decodes the layer again."""
    config = settings["config"]
    command = ["keras-xai", "decode", settings["model"]]
    command += ["--layer", settings["layer"], "--data", settings["data"], "decoded"]
    for name in ("epochs", "batch_size", "learning_rate", "alpha"):
        command += [f"--{name.replace('_', '-')}", str(config[name])]
    command += ["--seed", str(settings["seed"]), "--precision", settings["precision"]]
    if settings["input_range"] != [0.0, 1.0]:
        command += ["--input-range", *map(str, settings["input_range"])]
    if settings.get("target"):
        command += ["--target", settings["target"]]
    if settings.get("output_names"):
        command += ["--class-names", *settings["output_names"]]
    if settings.get("custom_objects"):
        command += ["--custom-objects", settings["custom_objects"]]
    if settings["units"]:
        command += ["--units", ",".join(map(str, settings["units"]))]
    if settings["other"]:
        command += ["--other", settings["other"]]
    for name, value in settings["constants"].items():
        command += ["--constant", f"{name}={value}"]
    if "ref_ae" not in settings["methods"]:
        command.append("--no-ref-ae")
    return command + [f"--{name}" for name in ("logits", "resize") if settings[name]]
