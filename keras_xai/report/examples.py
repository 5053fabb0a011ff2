"""Chooses validation images to show and encodes them for the page."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import matplotlib
import numpy as np
from PIL import Image, UnidentifiedImageError

from keras_xai.errors import InputError
from keras_xai.report.inputs import Prediction, read_masks

THRESHOLD = 0.75  # as `keras-xai explain` writes its pictures
MAX_PNG_LENGTH = 54_000  # of a data URI; above it, a photograph becomes a JPEG
MAX_SHARE_OF_ERRORS = 1 / 3

Group = Literal["misclassified", "positives", "negatives"]


class Example(NamedTuple):
    """One image with its mask, as data URIs.

    Attributes:
        prediction: what the model says of it.
        width: of image and mask in pixels.
        height: likewise.
        image: resized to the mask's size.
        mask: 8-bit grey as from `quantize`.
        mask_mean: in [0, 1].
        mask_max: in [0, 1].
        share_above: of pixels whose mask is above `THRESHOLD`.
    """

    prediction: Prediction
    width: int
    height: int
    image: str
    mask: str
    mask_mean: float
    mask_max: float
    share_above: float


def choose(
    predictions: Sequence[Prediction], num_examples: int
) -> dict[Group, list[Prediction]]:
    """Takes the first images of each group, in the order of the validation list.

    Misclassified images fill up to a third; the others are shared between the rightly
    labelled ones with and without a target.

    Args:
        predictions: of the validation images.
        num_examples: number of images wanted.

    Returns:
        The images of each group, at most `num_examples` in all.
    """
    errors = [p for p in predictions if not p.is_correct]
    positives = [p for p in predictions if p.is_correct and p.truth == 1]
    negatives = [p for p in predictions if p.is_correct and p.truth == 0]
    errors = errors[: max(1, int(num_examples * MAX_SHARE_OF_ERRORS))]
    num_right = num_examples - len(errors)
    num_negatives = min(len(negatives), max(num_right // 2, num_right - len(positives)))
    return {
        "misclassified": errors,
        "positives": positives[: num_right - num_negatives],
        "negatives": negatives[:num_negatives],
    }


def encode(
    predictions: Sequence[Prediction], data_dir: Path, explanations_dir: Path
) -> list[Example]:
    """Reads images and masks and encodes them.

    Raises:
        InputError: if a file is missing or broken.
    """
    masks = read_masks(explanations_dir, [p.filename for p in predictions])
    return [
        _encode(prediction, data_dir / "JPEGImages" / prediction.filename, mask)
        for prediction, mask in zip(predictions, masks, strict=True)
    ]


def quantize(mask: np.ndarray) -> np.ndarray:
    """Rounds a mask to 8 bits such that thresholds of k / 256 are kept.

    Args:
        mask: `(height, width)` float in [0, 1].

    Returns:
        `(height, width)` uint8; it is at least k, for k in [1, 255], exactly where the
        mask is above k / 256.
    """
    return np.clip(np.ceil(mask * 256) - 1, 0, 255).astype(np.uint8)


def encode_viridis() -> str:
    """Encodes the masks' colours from 0 to 1: a picture of 256 × 1 pixels."""
    colours = matplotlib.colormaps["viridis"](np.arange(256), bytes=True)[:, :3]
    return _to_png(Image.fromarray(colours[None]))


def _encode(prediction: Prediction, path: Path, mask: np.ndarray) -> Example:
    height, width = mask.shape
    return Example(
        prediction,
        width,
        height,
        image=_encode_image(path, (width, height)),
        mask=_to_png(Image.fromarray(quantize(mask))),
        mask_mean=float(mask.mean(dtype=np.float64)),
        mask_max=float(mask.max()),
        share_above=float((mask > THRESHOLD).mean()),
    )


def _encode_image(path: Path, size: tuple[int, int]) -> str:
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except FileNotFoundError:
        raise InputError(
            f"{path} does not exist; expected the images that were explained."
        ) from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be decoded: {error}.") from None
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    png = _to_png(image)
    if len(png) <= MAX_PNG_LENGTH:
        return png
    data = io.BytesIO()
    image.save(data, "JPEG", quality=90)
    return _to_uri("image/jpeg", data.getvalue())


def _to_png(image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return _to_uri("image/png", data.getvalue())


def _to_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
