"""The section on a classifier's decisions: heatmaps and reconstructions."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from keras_xai.errors import InputError
from keras_xai.report import pictures
from keras_xai.report.files import (
    read_arrays,
    read_heatmaps,
    read_items,
    read_json,
)
from keras_xai.report.formats import (
    enumerate_words,
    format_mean,
    format_share,
    format_shares,
)
from keras_xai.report.page import Made, Section, to_table
from keras_xai.report.pictures import Heatmap, Picture

NUM_LABELS = 5  # that the verdict names
LABELS = {"ref_ae": "RefAE", "cladec": "ClaDec"}
# Of a command: its options, and what they are if it does not say so.
DEFAULTS: dict[str, Any] = {
    "decoded": None,
    "input_range": [0.0, 1.0],
    "logits": False,
    "class_names": None,
    "custom_objects": None,
    "classifier": "alone",
    "num_samples": 16,
    "seconds_per_method": 3600.0,
    "batch_size": 32,
}


class Reconstruction(NamedTuple):
    """What a decoder makes of an image, as a data URI, and what is seen in it."""

    name: str
    picture: str
    label: str
    squared_error: float


class Example(NamedTuple):
    """One image with its explanations.

    Attributes:
        filename: of the image.
        label: the class that was decided.
        prob: of the label.
        width: of image, heatmaps and reconstructions in pixels.
        height: likewise.
        image: a data URI.
        reconstructions: RefAE's and ClaDec's; none without a decoded layer.
        heatmaps: by method.
    """

    filename: str
    label: str
    prob: float
    width: int
    height: int
    image: str
    reconstructions: list[Reconstruction]
    heatmaps: dict[str, Picture]


def build_section(folder: Path) -> Section:
    """Lays out the first images with their explanations.

    Args:
        folder: of `explain`, for a classifier.

    Raises:
        InputError: if a file is missing or broken.
    """
    path = folder / "decisions.json"
    found = read_json(path, "explain")
    try:
        model = found["settings"].get("model", "the classifier")
        return Section(
            "decisions.html",
            "decisions",
            f"How {Path(model).name} decides",
            "What the decisions rest on",
            _judge(found),
            {
                "examples": _read_examples(folder, found),
                "num_images": found["num_images"],
                "decoded": found["decoded"],
            },
            [_tell_how(found, model)],
        )
    except KeyError as error:
        raise InputError(
            f"{path} lacks {error}; expected a file of `keras-xai explain`."
        ) from None
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{path} is broken: {error}.") from None


def _read_examples(folder: Path, found: dict[str, Any]) -> list[Example]:
    path = folder / "examples.npz"
    images, filenames, labels, probs = read_arrays(
        path, ["image", "filename", "label", "prob"], "explain"
    )
    indices, (height, width) = range(len(images)), images.shape[1:3]
    methods = [method for method in found["methods"] if method["failure"] is None]
    heatmaps = []
    for method in methods:
        npz = folder / method["name"] / f"{method['name']}.npz"
        of_method = read_heatmaps(npz, "heatmap", indices, "explain")
        if of_method.shape[1:] != (height, width):
            raise InputError(
                f"{npz} holds heatmaps of {of_method.shape[1:]} pixels; expected "
                f"{(height, width)}, as the images of {path}."
            )
        heatmaps += [Heatmap(values, method["signed"]) for values in of_method]
    encoded = pictures.encode_heatmaps(heatmaps)
    reconstructions = _read_reconstructions(folder, found, indices)
    names = [method["name"] for method in methods]
    return [
        Example(
            str(filenames[i]),
            str(labels[i]),
            float(probs[i]),
            width,
            height,
            pictures.encode_image(images[i]),
            [of_method[i] for of_method in reconstructions],
            dict(zip(names, encoded[i :: len(images)], strict=True)),
        )
        for i in indices
    ]


def _read_reconstructions(
    folder: Path, found: dict[str, Any], indices: Sequence[int]
) -> list[list[Reconstruction]]:
    """Reads one list a method, of one reconstruction an image."""
    if found["decoded"] is None:
        return []
    read = []
    for method in found["decoded"]["methods"]:
        path = folder / method / f"{method}.npz"
        pixels, probs, errors = (
            read_items(path, name, indices, "explain")
            for name in ("reconstruction", "probs", "squared_error")
        )
        read.append(
            [
                Reconstruction(
                    LABELS[method],
                    pictures.encode_image(np.rint(image * 255).astype(np.uint8)),
                    found["class_names"][int(of_image.argmax())],
                    float(error),
                )
                for image, of_image, error in zip(pixels, probs, errors, strict=True)
            ]
        )
    return read


def _judge(found: dict[str, Any]) -> list[Markup]:
    failed = [method for method in found["methods"] if method["failure"] is not None]
    return [
        _judge_labels(found),
        *_judge_heatmaps(found),
        *_judge_decoded(found),
        *(
            Markup("<b>{}</b>: {}").format(method["name"], method["note"])
            for method in found["methods"]
            if method["failure"] is None and method.get("note")
        ),
        *(Markup("<b>{name}</b> failed: {failure}").format(**m) for m in failed),
    ]


def _judge_labels(found: dict[str, Any]) -> Markup:
    counts, num_images = list(found["decisions"].items()), found["num_images"]
    mean, sd = found["prob"]["mean"], found["prob"]["sd"]
    if num_images == 1:
        return Markup(
            "The image is labelled “<b>{}</b>”, with a probability of {}."
        ).format(counts[0][0], format_share(mean))
    # A single further label takes no more words than "others".
    named = counts if len(counts) == NUM_LABELS + 1 else counts[:NUM_LABELS]
    parts: list[str] = [
        Markup("{} {}“<b>{}</b>”").format(count, "" if i else "are labelled ", name)
        for i, (name, count) in enumerate(named)
    ]
    if len(counts) > NUM_LABELS + 1:
        num_others = sum(count for _, count in counts[NUM_LABELS:])
        num_classes = len(counts) - NUM_LABELS
        parts.append(f"{num_others} as one of {num_classes} others")
    return Markup(
        "Of {} explained images {}. The label’s probability is {} on average."
    ).format(num_images, Markup(enumerate_words(parts)), format_shares(mean, sd))


def _judge_heatmaps(found: dict[str, Any]) -> list[Markup]:
    """Says how heatmaps are read, those with a sign and those without."""
    texts = {
        True: "Red in the heatmaps of {} speaks for the label, blue against it.",
        False: "Red in the heatmaps of {} counts, for the label or against it.",
    }
    names: dict[bool, list[str]] = {is_signed: [] for is_signed in texts}
    for method in found["methods"]:
        if method["failure"] is None:
            name = Markup("<b>{}</b>").format(method["name"])
            names[method["signed"]].append(name)
    return [
        Markup(text).format(Markup(enumerate_words(names[is_signed])))
        for is_signed, text in texts.items()
        if names[is_signed]
    ]


def _judge_decoded(found: dict[str, Any]) -> list[Markup]:
    decoded = found["decoded"]
    if decoded is None:
        return []
    numbers = {
        method: (
            format_share(values["agreement"]),
            format_mean(values["squared_error"]["mean"], values["squared_error"]["sd"]),
        )
        for method, values in decoded["methods"].items()
    }
    agreement, error = numbers["cladec"]
    text = Markup(
        "<b>ClaDec</b> shows what layer <b>{}</b> still knows: {} of its "
        "reconstructions are labelled as their image, with a squared error of {}"
    ).format(decoded["layer"], agreement, error)
    if "ref_ae" in numbers:
        text += Markup("; RefAE, which learns to reconstruct alone: {}, {}").format(
            *numbers["ref_ae"]
        )
    return [text + f" (n = {found['num_images']})."]


def _tell_how(found: dict[str, Any], model: str) -> Made:
    settings = found["settings"]
    return Made(
        f"Decisions of {Path(model).name}",
        [shlex.join(_command(settings))] if "model" in settings else [],
        None,
        [],
        {
            "Options": to_table(settings),
            "Environment": to_table(found["environment"]),
        },
    )


def _command(settings: dict[str, Any]) -> list[str]:
    """Writes the command that explains the decisions again."""
    command = ["keras-xai", "explain", settings["model"], settings["images"]]
    command += ["explained", "--method", *settings["method"]]
    for name, default in DEFAULTS.items():
        value = settings.get(name, default)
        if value == default:
            continue
        command.append(f"--{name.replace('_', '-')}")
        if isinstance(value, list):
            command += map(str, value)
        elif value is not True:
            command.append(str(value))
    return command
