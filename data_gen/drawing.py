"""Shapes drawn on patches, and put together to pictures and instance masks.

A pixel's ink follows from its distance to the outline alone, so that every shape is
drawn with one and the same anti-aliased pen.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_gen.polygons import Placement

Pixels = NDArray[np.uint8]

_BATCH_PIXELS = 24_000  # drawn in one go; each of a few arrays takes 96 kB


class Box(NamedTuple):
    """The pixels a shape's ink spans: 0-based, both ends included.

    `truncated` says whether the border of the picture cuts the shape.
    """

    xmin: int
    ymin: int
    xmax: int
    ymax: int
    truncated: bool


class Patch(NamedTuple):
    """A shape drawn on a small part of a picture.

    Attributes:
        ink: `(height, width)` uint8.
        region: `(height, width)` bool, the filled shape with its outline.
        place: The patch's rows and columns in the picture.
        box: The box of the ink.
    """

    ink: Pixels
    region: NDArray[np.bool_]
    place: tuple[slice, slice]
    box: Box


def draw_patches(
    placements: Sequence[Placement], *, image_size: int, line_width: float
) -> list[Patch]:
    """Draws shapes, those that are alike together, for speed.

    What a patch shows does not depend on what it is drawn together with.

    Args:
        placements: The shapes and their places, of any number of pictures.
        image_size: Height and width of a picture in pixels.
        line_width: Width of the pen in pixels.

    Returns:
        A patch for each placement.
    """
    alike = defaultdict(list)
    for number, placement in enumerate(placements):
        alike[placement.shape, placement.filled].append(number)
    patches: dict[int, Patch] = {}
    for (shape, _), numbers in alike.items():
        numbers.sort(key=lambda number: placements[number].radius)
        while numbers:
            side = 2 * placements[numbers[-1]].radius + line_width + 3
            size = max(1, int(_BATCH_PIXELS / (side**2 * max(shape.p, 1))))
            numbers, batch = numbers[:-size], numbers[-size:]
            drawn = _draw_alike([placements[k] for k in batch], image_size, line_width)
            patches.update(zip(batch, drawn, strict=True))
    return [patches[number] for number in range(len(placements))]


def _draw_alike(
    placements: Sequence[Placement], image_size: int, line_width: float
) -> list[Patch]:
    """Draws placements of one shape, all of them filled or none.

    The ink of an outline is `line_width / 2 + 0.5 - distance`, cut to [0, 1]: across
    a line it sums to `line_width`. A point lies inside {p/q} by the non-zero rule if
    it is on the outer side of fewer than q of the p chords.
    """
    p, q = placements[0].shape
    x, y, radius, angle = np.array([place[1:5] for place in placements]).T
    half = math.ceil(radius.max() + line_width / 2 + 1)
    steps = np.arange(-half, half + 1)
    columns = np.rint(x).astype(int)[:, None] + steps  # (n, side)
    rows = np.rint(y).astype(int)[:, None] + steps
    dx = (columns - x[:, None]).astype(np.float32)[:, None, :]
    dy = (rows - y[:, None]).astype(np.float32)[:, :, None]
    if p == 0:
        across = np.sqrt(dx * dx + dy * dy)  # (n, side, side)
        across -= radius.astype(np.float32)[:, None, None]
        inside = across < 0
        distance = np.abs(across)
    else:
        cos, sin = _normals(p, q, angle)
        dx, dy = dx[:, None], dy[:, None]
        radius = radius[:, None, None, None]
        across = dx * cos + dy * sin  # (n, p, side, side)
        across -= (radius * math.cos(math.pi * q / p)).astype(np.float32)
        inside = (across > 0).sum(axis=1, dtype=np.uint8) < q
        beyond = np.abs(dy * cos - dx * sin)  # along the chord, past its end
        beyond -= (radius * math.sin(math.pi * q / p)).astype(np.float32)
        np.maximum(beyond, 0, out=beyond)
        across *= across
        beyond *= beyond
        across += beyond
        distance = np.sqrt(across.min(axis=1))  # (n, side, side)
    level = (np.float32(line_width / 2 + 0.5) - distance) * np.float32(255)
    ink = np.rint(level.clip(0, 255, out=level), out=level).astype(np.uint8)
    region = inside | (ink > 0)
    if placements[0].filled:
        ink[inside] = 255

    on_columns = (columns >= 0) & (columns < image_size)
    on_rows = (rows >= 0) & (rows < image_size)
    if not (on_columns.all() and on_rows.all()):
        ink *= on_columns[:, None, :] & on_rows[:, :, None]
    has_column, has_row = ink.any(axis=1), ink.any(axis=2)
    bounds = (
        columns[:, 0],
        rows[:, 0],
        columns[:, 0] + has_column.argmax(axis=1),
        rows[:, 0] + has_row.argmax(axis=1),
        columns[:, -1] - has_column[:, ::-1].argmax(axis=1),
        rows[:, -1] - has_row[:, ::-1].argmax(axis=1),
    )
    patches = []
    for k, (left, top, xmin, ymin, xmax, ymax) in enumerate(
        np.stack(bounds, axis=1).tolist()
    ):
        right, bottom = left + len(steps), top + len(steps)
        cut = False
        patch_ink, patch_region = ink[k], region[k]
        if left < 0 or top < 0 or right > image_size or bottom > image_size:
            cut = placements[k].is_cut(image_size, line_width / 2)
            part = np.s_[
                max(-top, 0) : image_size - top, max(-left, 0) : image_size - left
            ]
            patch_ink, patch_region = patch_ink[part], patch_region[part]
        place = np.s_[max(top, 0) : bottom, max(left, 0) : right]
        patches.append(
            Patch(patch_ink, patch_region, place, Box(xmin, ymin, xmax, ymax, cut))
        )
    return patches


def _normals(
    p: int, q: int, angle: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The chords' outward unit normals, cosine and sine `(n, p, 1, 1)`.

    Angles are summed by their cosines and sines, from `math`: those of NumPy may
    round differently in arrays of different lengths.
    """
    turns = [(math.pi * q + 2 * math.pi * k) / p for k in range(p)]
    c, s = np.array([[math.cos(a), math.sin(a)] for a in turns]).T
    u, v = np.array([[math.cos(a), math.sin(a)] for a in angle.tolist()]).T[..., None]
    cos = (u * c - v * s).astype(np.float32)
    sin = (v * c + u * s).astype(np.float32)
    return cos[:, :, None, None], sin[:, :, None, None]


def compose(
    patches: Sequence[Patch], sheet_numbers: Sequence[int], image_size: int
) -> tuple[list[Pixels], Pixels]:
    """Puts the shapes of one picture together.

    Args:
        patches: The shapes, at most 255; each lies over those before.
        sheet_numbers: The sheet that takes each shape's ink, counted from 0.
        image_size: Height and width of the picture in pixels.

    Returns:
        Sheets of ink `(height, width)` uint8, where lines cross the darker one's; and
        mask `(height, width)` uint8, k where the region of the k-th shape (from 1) is
        uppermost, 0 elsewhere.
    """
    mask = np.zeros((image_size, image_size), np.uint8)
    sheets = [np.zeros_like(mask) for _ in range(max(sheet_numbers) + 1)]
    for index, (patch, number) in enumerate(
        zip(patches, sheet_numbers, strict=True), 1
    ):
        sheet = sheets[number][patch.place]
        np.maximum(sheet, patch.ink, out=sheet)
        np.copyto(mask[patch.place], index, where=patch.region)
    return sheets, mask


def paint(
    sheets: Sequence[Pixels],
    colours: Sequence[Sequence[int]],
    background: Sequence[int],
) -> Pixels:
    """Lays sheets of ink over a background.

    Args:
        sheets: Ink `(height, width)` uint8, the lowest first.
        colours: Of each sheet, a grey level for each channel.
        background: A grey level for each channel.

    Returns:
        Picture `(height, width, channels)` uint8.
    """
    height, width = sheets[0].shape
    pixels = _blank(height * width, tuple(background)).copy()
    for number, (sheet, colour) in enumerate(zip(sheets, colours, strict=True)):
        inked = (sheet.ravel() != 0).nonzero()[0]
        share = sheet.ravel()[inked]
        for channel, ground, level in zip(pixels.T, background, colour, strict=True):
            if number == 0:  # nothing but the background lies below
                channel[inked] = _mixtures(ground, level)[share]
            else:
                channel[inked] = _mix(channel[inked], level, share)
    return pixels.reshape(height, width, -1)


def _mix(ground: Pixels | int, level: int, share: Pixels) -> Pixels:
    """Grey levels between `ground` and `level`, by the latter's share in 255ths."""
    share = share.astype(np.uint16)
    return ((ground * (255 - share) + level * share + 127) // 255).astype(np.uint8)


@lru_cache(maxsize=16)
def _mixtures(ground: int, level: int) -> Pixels:
    return _mix(ground, level, np.arange(256, dtype=np.uint8))


@lru_cache(maxsize=1)
def _blank(num_pixels: int, background: tuple[int, ...]) -> Pixels:
    return np.tile(np.array(background, np.uint8), (num_pixels, 1))


def add_noise(picture: Pixels, std: float, rng: np.random.Generator) -> Pixels:
    """Adds Gaussian noise of `std` grey levels, cut to [0, 255]."""
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    noise *= np.float32(std)
    noise += picture
    return np.rint(noise.clip(0, 255, out=noise), out=noise).astype(np.uint8)
