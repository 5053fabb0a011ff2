"""Encodes images and heatmaps as data URIs, so that a page needs no other file."""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image

MAX_PNG_LENGTH = 54_000  # of a data URI; above it, a photograph becomes a JPEG
MAX_HEATMAPS_LENGTH = 4_000_000  # of all heatmaps of a page's section
LEVELS = (256, 128, 64, 32, 16)  # that a heatmap is rounded to, finest first
NUM_CODES = 256  # of 8 bits


class Heatmap(NamedTuple):
    """A heatmap to encode.

    Attributes:
        values: `(height, width)` finite floats.
        is_signed: whether a negative value speaks against the class; if not, all
            values are taken as not negative.
        scale: the value that is drawn as 1; None takes the largest absolute one.
    """

    values: np.ndarray
    is_signed: bool
    scale: float | None = None


class Picture(NamedTuple):
    """A heatmap as a grey PNG of 8-bit codes.

    A code c stands for the levels from c to c + step, in units of scale / 256 above 0,
    or scale / 128 above code 128 if the heatmap is signed.

    Attributes:
        uri: the PNG.
        is_signed: as above.
        step: codes that a level is wide.
        scale: as above, never None.
        lowest: the least value, in units of the scale.
        highest: the largest one.
    """

    uri: str
    is_signed: bool
    step: int
    scale: float
    lowest: float
    highest: float


def quantize(
    values: np.ndarray, num_levels: int = NUM_CODES, *, is_signed: bool = False
) -> np.ndarray:
    """Rounds a heatmap to 8-bit codes such that thresholds between levels are kept.

    Args:
        values: `(height, width)` float in [0, 1], or [-1, 1] if signed.
        num_levels: a power of 2 up to 256; a signed heatmap gets half of them on
            either side of 0.
        is_signed: whether 0 is code 128.

    Returns:
        `(height, width)` uint8. It is at least k times 256 / num_levels, for k in
        [1, num_levels), exactly where `values` is above k / num_levels. If signed, it
        is at least 128 + k times 256 / num_levels, for k in [1, num_levels / 2),
        exactly where `values` is above 2 k / num_levels.
    """
    step = NUM_CODES // num_levels
    zero, num_above = (
        (NUM_CODES // 2, num_levels // 2) if is_signed else (0, num_levels)
    )
    lowest = -num_above if is_signed else 0
    levels = np.clip(np.ceil(values * num_above) - 1, lowest, num_above - 1)
    return (zero + step * levels).astype(np.uint8)


def encode_heatmaps(
    heatmaps: Sequence[Heatmap], max_length: int = MAX_HEATMAPS_LENGTH
) -> list[Picture]:
    """Encodes heatmaps, rounded as little as their common length allows.

    Args:
        heatmaps: of one section of a page.
        max_length: that all pictures together shall have; the coarsest rounding is
            taken whatever its length.

    Returns:
        One picture a heatmap, all with the same number of levels.
    """
    for num_levels in LEVELS:
        pictures: list[Picture] = []
        length = 0
        for heatmap in heatmaps:
            picture = _encode_heatmap(heatmap, num_levels)
            length += len(picture.uri)
            if length > max_length and num_levels != LEVELS[-1]:
                break
            pictures.append(picture)
        else:
            break
    return pictures


def encode_image(image: np.ndarray | Image.Image) -> str:
    """Encodes an image as PNG, or as JPEG if it is a photograph.

    Args:
        image: `(height, width)` or `(height, width, channels)` uint8, or a picture.
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
    png = encode_png(image)
    if len(png) <= MAX_PNG_LENGTH:
        return png
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=90)
    return _to_uri("image/jpeg", data.getvalue())


def encode_mask(mask: np.ndarray) -> str:
    """Encodes a `(height, width)` bool array, white being True."""
    return encode_png(Image.fromarray(mask.astype(np.uint8) * 255).convert("1"))


def encode_colour_map(name: str) -> str:
    """Encodes a colour map of matplotlib from 0 to 1: a picture of 256 × 1 pixels."""
    colours = matplotlib.colormaps[name](np.arange(NUM_CODES), bytes=True)[:, :3]
    return encode_png(Image.fromarray(colours[None]))


def encode_png(image: Image.Image) -> str:
    """Encodes a picture as PNG."""
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return _to_uri("image/png", data.getvalue())


def _encode_heatmap(heatmap: Heatmap, num_levels: int) -> Picture:
    values, scale = heatmap.values.astype(np.float64), heatmap.scale
    if scale is None:
        scale = float(np.abs(values).max())
    relative = values / scale if scale else values
    return Picture(
        encode_png(
            Image.fromarray(quantize(relative, num_levels, is_signed=heatmap.is_signed))
        ),
        heatmap.is_signed,
        NUM_CODES // num_levels,
        scale,
        float(relative.min()),
        float(relative.max()),
    )


def _to_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
