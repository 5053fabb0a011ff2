"""Pictures, instance masks and boxes of placed shapes.

A pixel's ink follows from its distance to the outline alone, so that every shape is
drawn with one and the same anti-aliased pen.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.polygons import Placement

Pixels = NDArray[np.uint8]


class Box(NamedTuple):
    """The pixels a shape's ink spans: 0-based, both ends included.

    `truncated` says whether the border of the picture cuts the shape.
    """

    xmin: int
    ymin: int
    xmax: int
    ymax: int
    truncated: bool


def draw_shape(
    placement: Placement, *, image_size: int, line_width: float
) -> tuple[Pixels, NDArray[np.bool_], int, int]:
    """Draws one shape on a patch of its own, cut at the border of the picture.

    The ink of an outline is `line_width / 2 + 0.5 - distance`, cut to [0, 1]: across
    a line it sums to `line_width`. A point lies inside {p/q} by the non-zero rule if
    it is on the outer side of fewer than q of the p chords.

    Args:
        placement: The shape and its place.
        image_size: Height and width of the picture in pixels.
        line_width: Width of the pen in pixels.

    Returns:
        Ink `(height, width)` uint8; region `(height, width)` bool, the filled shape
        with its outline; and the patch's left column and top row in the picture.
    """
    (p, q), x, y, radius, angle, filled = placement
    reach = radius + line_width / 2 + 0.5
    left, top = max(math.ceil(x - reach), 0), max(math.ceil(y - reach), 0)
    right = min(math.floor(x + reach), image_size - 1)
    bottom = min(math.floor(y + reach), image_size - 1)
    dx = np.arange(left - x, right - x + 0.5, dtype=np.float32)
    dy = np.arange(top - y, bottom - y + 0.5, dtype=np.float32)[:, None]
    if p == 0:
        across = np.sqrt(dx * dx + dy * dy)
        across -= np.float32(radius)
        inside = across < 0
        distance = np.abs(across)
    else:
        half_turn = math.pi * q / p
        normals = [angle + half_turn + 2 * math.pi * k / p for k in range(p)]
        cos = np.array([math.cos(a) for a in normals], np.float32)[:, None, None]
        sin = np.array([math.sin(a) for a in normals], np.float32)[:, None, None]
        across = dx * cos + dy * sin  # (p, height, width)
        across -= np.float32(radius * math.cos(half_turn))
        inside = (across > 0).sum(axis=0, dtype=np.uint8) < q
        beyond = np.abs(dy * cos - dx * sin)  # along the chord, past its end
        beyond -= np.float32(radius * math.sin(half_turn))
        np.maximum(beyond, 0, out=beyond)
        across *= across
        beyond *= beyond
        across += beyond
        distance = np.sqrt(across.min(axis=0))
    level = (np.float32(line_width / 2 + 0.5) - distance) * np.float32(255)
    np.rint(level.clip(0, 255, out=level), out=level)
    ink = level.astype(np.uint8)
    region = inside | (ink > 0)
    if filled:
        ink[inside] = 255
    return ink, region, left, top


def draw_layers(
    layers: Sequence[Sequence[Placement]],
    *,
    image_size: int,
    line_width: float,
) -> tuple[list[Pixels], Pixels, list[Box]]:
    """Draws shapes, one layer of ink for each colour.

    Where shapes of one layer cross, the ink is that of the darker one.

    Args:
        layers: The shapes of each layer, the lowest first.
        image_size: Height and width of the picture in pixels.
        line_width: Width of the pen in pixels.

    Returns:
        Ink `(height, width)` uint8 of each layer; mask `(height, width)` uint8, k
        where the region of the k-th shape (from 1) is uppermost, 0 elsewhere; and the
        box of each shape, tight on its own ink whether or not later shapes cover it.
    """
    mask = np.zeros((image_size, image_size), np.uint8)
    inks, boxes = [], []
    for layer in layers:
        layer_ink = np.zeros((image_size, image_size), np.uint8)
        for placement in layer:
            ink, region, left, top = draw_shape(
                placement, image_size=image_size, line_width=line_width
            )
            height, width = ink.shape
            patch = np.s_[top : top + height, left : left + width]
            np.maximum(layer_ink[patch], ink, out=layer_ink[patch])
            columns = ink.any(axis=0).nonzero()[0].tolist()
            rows = ink.any(axis=1).nonzero()[0].tolist()
            boxes.append(
                Box(
                    left + columns[0],
                    top + rows[0],
                    left + columns[-1],
                    top + rows[-1],
                    placement.is_cut(image_size, line_width / 2),
                )
            )
            np.copyto(mask[patch], len(boxes), where=region)
        inks.append(layer_ink)
    return inks, mask, boxes


def paint(
    inks: Sequence[Pixels],
    colours: Sequence[Sequence[int]],
    background: Sequence[int],
) -> Pixels:
    """Lays inks over a background.

    Args:
        inks: Ink `(height, width)` uint8 of each layer, the lowest first.
        colours: A grey level for each channel, for each layer.
        background: A grey level for each channel.

    Returns:
        Picture `(height, width, channels)` uint8.
    """
    height, width = inks[0].shape
    row = np.tile(np.array(background, np.uint8), width)
    pixels = np.tile(row, height).reshape(height * width, -1)
    for ink, colour in zip(inks, colours, strict=True):
        inked = np.flatnonzero(ink != 0)
        share = ink.take(inked).astype(np.uint16)[:, None]
        mixed = pixels.take(inked, axis=0) * (255 - share)
        mixed += share * np.array(colour, np.uint16)
        mixed += 127
        mixed //= 255
        pixels[inked] = mixed
    return pixels.reshape(height, width, -1)


def add_noise(picture: Pixels, std: float, rng: np.random.Generator) -> Pixels:
    """Adds Gaussian noise of `std` grey levels, cut to [0, 255]."""
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    noise *= np.float32(std)
    noise += picture
    return np.clip(np.rint(noise), 0, 255).astype(np.uint8)
