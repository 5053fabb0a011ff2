"""Pictures with their masks and annotations, made in memory."""

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from data_gen.config import PolygonConfig
from data_gen.drawing import Pixels, add_noise, compose, draw_patches, paint
from data_gen.polygons import Placement, Shape, place
from data_gen.voc import annotation

_BATCH_PIXELS = 2**21  # of the patches drawn before pictures are put together


class Picture(NamedTuple):
    """All there is of one image.

    Attributes:
        stem: File name without suffix.
        pixels: `(height, width, channels)` uint8.
        mask: `(height, width)` uint8, k in the region of the k-th object.
        xml: The annotation's bytes.
    """

    stem: str
    pixels: Pixels
    mask: Pixels
    xml: bytes


class _Layout(NamedTuple):
    stem: str
    placements: list[Placement]  # the targets last
    num_others: int
    rng: np.random.Generator


def stem(index: int) -> str:
    """File name of an image without suffix."""
    return f"{index:06d}"


def make_pictures(
    config: PolygonConfig, first: int, labels: Sequence[int]
) -> Iterator[Picture]:
    """Makes pictures of consecutive indices; each depends on its index and label alone.

    Args:
        config: Options of the set.
        first: Index of the first image.
        labels: 1 for each positive image, 0 for each other.

    Yields:
        The pictures.

    Raises:
        ValueError: If shapes find no room.
    """
    largest = config.outer_radius(config.max_radius)
    size = max(1, int(_BATCH_PIXELS / (config.max_shapes * (2 * largest) ** 2)))
    for start in range(0, len(labels), size):
        batch = enumerate(labels[start : start + size], first + start)
        yield from _make_batch(
            config, [_lay_out(config, index, positive) for index, positive in batch]
        )


def _lay_out(config: PolygonConfig, index: int, positive: int) -> _Layout:
    """Draws shapes and their places at random."""
    key = np.array([config.seed, index], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    num_shapes = int(rng.integers(config.min_shapes, config.max_shapes + 1))
    num_targets = config.num_targets if positive else 0
    num_others = num_shapes - num_targets
    choices = rng.integers(len(config.distractors), size=num_others).tolist()
    names = [config.distractors[k] for k in choices] + [config.target] * num_targets
    radii = rng.uniform(config.min_radius, config.max_radius, num_shapes).tolist()
    angles = rng.uniform(-math.pi, math.pi, num_shapes).tolist()
    if not config.rotation:
        angles = [-math.pi / 2] * num_shapes  # a vertex at the top
    room = radii.copy()
    if config.outside_polygon is not None:
        for k in range(num_others, num_shapes):
            if rng.random() < config.outside_share:
                room[k] = config.outer_radius(radii[k])
    centres = place(
        room,
        image_size=config.image_size,
        margin=config.line_width / 2,
        overlap=config.overlap,
        occlusion=config.occlusion,
        max_tries=config.max_tries,
        rng=rng,
    )
    if centres is None:
        raise ValueError(
            "Invalid value for `max_shapes`. Expected shapes that find room without "
            "overlap: lower `max_shapes` or `max_radius`, raise `image_size` or "
            f"`max_tries`, or allow `overlap`. Received: max_shapes={config.max_shapes}"
        )
    placements = [
        Placement(Shape.from_name(name), x, y, radius, angle, config.filled)
        for name, (x, y), radius, angle in zip(
            names, centres, radii, angles, strict=True
        )
    ]
    others, targets = placements[:num_others], placements[num_others:]
    for target, radius in zip(targets, room[num_others:], strict=True):
        if radius > target.radius:
            shape = Shape.from_name(str(config.outside_polygon))
            others.append(target._replace(shape=shape, radius=radius, filled=False))
    return _Layout(stem(index), others + targets, len(others), rng)


def _make_batch(config: PolygonConfig, layouts: Sequence[_Layout]) -> Iterator[Picture]:
    """Makes pictures step by step: a step's code runs faster while it is in cache."""
    size = config.image_size
    placements = [place for layout in layouts for place in layout.placements]
    patches = iter(
        draw_patches(placements, image_size=size, line_width=config.line_width)
    )
    drawn = [list(islice(patches, len(layout.placements))) for layout in layouts]
    annotations = [
        annotation(
            layout.stem,
            image_size=size,
            channels=config.channels,
            objects=[
                (place.shape, patch.box)
                for place, patch in zip(layout.placements, own, strict=True)
            ],
            target=Shape.from_name(config.target),
        )
        for layout, own in zip(layouts, drawn, strict=True)
    ]
    colours = [config.levels(config.colour)]
    if config.target_colour is not None:
        colours.append(config.levels(config.target_colour))
    for layout, own, xml in zip(layouts, drawn, annotations, strict=True):
        num_targets = len(own) - layout.num_others
        numbers = [0] * layout.num_others + [len(colours) - 1] * num_targets
        sheets, mask = compose(own, numbers, size)
        pixels = paint(sheets, colours[: len(sheets)], config.levels(config.background))
        if config.noise:
            pixels = add_noise(pixels, config.noise, layout.rng)
        yield Picture(layout.stem, pixels, mask, xml)
