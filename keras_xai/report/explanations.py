"""The section on explanations of `explain`: images, masks and labels."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from markupsafe import Markup

from keras_xai.datasets.images import read_image
from keras_xai.errors import InputError
from keras_xai.report import pictures
from keras_xai.report.figures import THRESHOLD
from keras_xai.report.files import find_items, read_heatmaps, read_rows
from keras_xai.report.formats import format_share
from keras_xai.report.page import Made, Section
from keras_xai.report.pictures import Heatmap, Picture
from keras_xai.report.truths import Truth, read_truths

NUM_EXAMPLES = 12
MAX_SHARE_OF_ERRORS = 1 / 3

Group = Literal["misclassified", "positives", "negatives", "right", "explained"]


class Prediction(NamedTuple):
    """What the model says of one image; labels index the class names."""

    filename: str
    label: int
    prob: float  # of `label`
    truth: int | None = None  # unknown without the data set

    @property
    def is_correct(self) -> bool:
        """Whether the label is the true one."""
        return self.label == self.truth


class Example(NamedTuple):
    """One image with its mask.

    Attributes:
        prediction: what the model says of it.
        width: of image and mask in pixels.
        height: likewise.
        image: resized to the mask's size, a data URI; without the data set, what
            `explain` laid over it.
        mask: drawn from 0 to 1.
        mask_mean: in [0, 1].
        mask_max: in [0, 1].
        share_above: of pixels whose mask is above `THRESHOLD`.
    """

    prediction: Prediction
    width: int
    height: int
    image: str
    mask: Picture
    mask_mean: float
    mask_max: float
    share_above: float


def build_section(folder: Path, data_dir: Path | None) -> Section:
    """Lays out the first explained images.

    Args:
        folder: of `explain`.
        data_dir: the data set that was explained, see `read_truths`; then the images
            are those for validation, with their true labels.

    Raises:
        InputError: if a file is missing or broken, or the folders do not belong
            together.
    """
    if (folder / "heatmaps.png").exists() and not (folder / "masks.npz").exists():
        raise InputError(
            f"{folder} holds heatmaps without decisions.json, which the page is made "
            "of; expected a folder of today's `keras-xai explain`: run it again."
        )
    predictions, class_names = read_predictions(folder)
    truths: dict[str, Truth] = {}
    if data_dir is None:
        groups: Mapping[Group, list[Prediction]]
        groups = {"explained": predictions[:NUM_EXAMPLES]}
        counts = None
    else:
        prediction_of = {p.filename: p for p in predictions}
        truths = read_truths(data_dir, list(prediction_of), class_names)
        predictions = [
            prediction_of[name]._replace(truth=truth.label)
            for name, truth in truths.items()
        ]
        groups = choose(predictions, len(class_names), NUM_EXAMPLES)
        counts = _count(predictions, len(class_names))
    chosen = [prediction for members in groups.values() for prediction in members]
    shown = dict(zip(chosen, _encode(chosen, folder, truths), strict=True))
    content = {
        "folder": folder,
        "class_names": class_names,
        "has_images": data_dir is not None,
        "groups": {
            group: [shown[prediction] for prediction in members]
            for group, members in groups.items()
            if members
        },
        "num_of": {
            "misclassified": sum(not p.is_correct for p in predictions),
            "positives": sum(p.is_correct and p.truth == 1 for p in predictions),
            "negatives": sum(p.is_correct and p.truth == 0 for p in predictions),
            "right": sum(p.is_correct for p in predictions),
            "explained": len(predictions),
        },
        "counts": counts,
        "threshold": THRESHOLD,
    }
    images = "IMAGES" if data_dir is None else str(data_dir)
    command = ["keras-xai", "explain", "RUN", images, f"{folder}-again"]
    return Section(
        "explanations.html",
        "explanations",
        folder.resolve().name,
        "What the masks show",
        [_judge(predictions, class_names, data_dir)],
        content,
        [
            Made(
                f"Explanations {folder.resolve().name}",
                [shlex.join(command)],
                None,
                [],
                {},
            )
        ],
    )


def read_predictions(folder: Path) -> tuple[list[Prediction], list[str]]:
    """Reads what the model says of each explained image.

    Returns:
        One prediction an image, and the class names.

    Raises:
        InputError: if predictions.csv is missing or broken.
    """
    path = folder / "predictions.csv"
    rows = read_rows(path, "explain")
    columns = list(rows[0]) if rows else []
    class_names = columns[2:]
    if columns[:2] != ["filename", "label"] or len(class_names) < 2:
        raise InputError(
            f"{path} has other columns or no rows. Expected filename, label, and the "
            f"probability of each class. Received: {', '.join(columns) or 'nothing'}"
        )
    predictions = []
    for row in rows:
        try:
            label = class_names.index(row["label"])
            prob = float(row[row["label"]])
        except ValueError:
            raise InputError(
                f"{path} has a broken row for image {row['filename']}; expected one of "
                f"its classes as label, and a probability."
            ) from None
        predictions.append(Prediction(row["filename"], label, prob))
    return predictions, class_names


def choose(
    predictions: Sequence[Prediction], num_classes: int, num_examples: int
) -> dict[Group, list[Prediction]]:
    """Takes some images of each group, evenly spaced in the validation list.

    Misclassified images fill up to a third. The others are shared between the rightly
    labelled ones with and without a target.

    Args:
        predictions: of the validation images.
        num_classes: how many classes there are.
        num_examples: number of images wanted, at least 1.

    Returns:
        The images of each group, at most `num_examples` in all.
    """
    errors = [p for p in predictions if not p.is_correct]
    max_errors = max(1, int(num_examples * MAX_SHARE_OF_ERRORS))
    num_right = num_examples - min(len(errors), max_errors)
    chosen: dict[Group, list[Prediction]]
    chosen = {"misclassified": _spread(errors, max_errors)}
    if num_classes > 2:
        right = [p for p in predictions if p.is_correct]
        return chosen | {"right": _spread(right, num_right)}
    positives = [p for p in predictions if p.is_correct and p.truth == 1]
    negatives = [p for p in predictions if p.is_correct and p.truth == 0]
    num_negatives = min(len(negatives), max(num_right // 2, num_right - len(positives)))
    return chosen | {
        "positives": _spread(positives, num_right - num_negatives),
        "negatives": _spread(negatives, num_negatives),
    }


def _spread(predictions: Sequence[Prediction], most: int) -> list[Prediction]:
    """Takes evenly spaced ones: neighbours may be of one class, or one photograph."""
    count = min(most, len(predictions))
    return [predictions[i * len(predictions) // count] for i in range(count)]


def _encode(
    predictions: Sequence[Prediction], folder: Path, truths: Mapping[str, Truth]
) -> list[Example]:
    path = folder / "masks.npz"
    indices = find_items(path, [p.filename for p in predictions], "explain")
    masks = read_heatmaps(path, "mask", indices, "explain")
    encoded = pictures.encode_heatmaps([Heatmap(mask, False, 1.0) for mask in masks])
    examples = []
    for prediction, mask, picture in zip(predictions, masks, encoded, strict=True):
        height, width = mask.shape
        truth = truths.get(prediction.filename)
        overlay = folder / "overlays" / f"{prediction.filename}.png"
        size = (height, width)
        image = read_image(overlay, 3, size) if truth is None else truth.load(size)
        examples.append(
            Example(
                prediction,
                width,
                height,
                pictures.encode_image(image),
                picture,
                float(mask.mean(dtype=np.float64)),
                float(mask.max()),
                float((mask > THRESHOLD).mean()),
            )
        )
    return examples


def _judge(
    predictions: Sequence[Prediction],
    class_names: Sequence[str],
    data_dir: Path | None,
) -> Markup:
    if data_dir is None:
        parts = [
            f"{sum(p.label == label for p in predictions)} were labelled “{name}”"
            for label, name in enumerate(class_names)
        ]
        return Markup("Of {} explained images, {}.").format(
            len(predictions), ", ".join(parts)
        )
    num_right = sum(p.is_correct for p in predictions)
    majority = max(Counter(p.truth for p in predictions).values())
    return Markup(
        "Of {} explained validation images, <b>{}</b> are labelled right ({}); the "
        "most frequent class would be right for {}."
    ).format(
        len(predictions),
        num_right,
        format_share(num_right / len(predictions)),
        format_share(majority / len(predictions)),
    )


def _count(predictions: Sequence[Prediction], num_classes: int) -> list[list[int]]:
    """Counts images by true label (row) and predicted label (column)."""
    counts = [[0] * num_classes for _ in range(num_classes)]
    for prediction in predictions:
        if prediction.truth is not None:
            counts[prediction.truth][prediction.label] += 1
    return counts
