"""Shapes {p/q}, and where they lie in a picture."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

_WORDS = {
    3: "triangle",
    4: "square",
    5: "pentagon",
    6: "hexagon",
    7: "heptagon",
    8: "octagon",
    9: "nonagon",
    10: "decagon",
    11: "hendecagon",
    12: "dodecagon",
}
_VERTICES = {word: p for p, word in _WORDS.items()}
_NOT_DRAWN = 0.5 / 255  # pixels of a line's width that round to no ink


class Shape(NamedTuple):
    """The regular polygon or star {p/q}: p vertices, each joined to the q-th next.

    The circle is `Shape(0, 1)`. A p and q with a common divisor give a compound, as
    {6/2}, the hexagram.
    """

    p: int
    q: int

    @classmethod
    def from_name(cls, name: str) -> "Shape":
        """Reads a name.

        Args:
            name: `"circle"`, a word (`"triangle"` to `"dodecagon"`), `"polygon13"`,
                `"star7"` (the sharpest star of 7 vertices, {7/3}), `"star7-2"`, or
                the symbol itself, `"7/2"`.

        Raises:
            ValueError: If the name means no shape.
        """
        if name == "circle":
            return cls(0, 1)
        if name in _VERTICES:
            return cls(_VERTICES[name], 1)
        parts = re.fullmatch(r"(polygon|star|)(\d{1,2})([-/]\d{1,2})?", name)
        if parts:
            kind, p = parts[1], int(parts[2])
            sharpest = (p - 1) // 2
            q = int(parts[3][1:]) if parts[3] else sharpest if kind == "star" else 1
            if 1 <= q <= sharpest and (kind != "star" or q > 1):
                return cls(p, q)
        raise ValueError(
            "Invalid value for `name`. Expected `circle`, a word as `triangle`, a star "
            f"as `star5`, or `p/q` with p < 100 and q < p/2. Received: name={name!r}"
        )

    @property
    def name(self) -> str:
        """The shape's one name in files, a single word without a slash."""
        if self.p == 0:
            return "circle"
        if self.q == 1:
            return _WORDS.get(self.p, f"polygon{self.p}")
        sharpest = (self.p - 1) // 2
        return f"star{self.p}" if self.q == sharpest else f"star{self.p}-{self.q}"

    @property
    def inradius(self) -> float:
        """Distance from the centre to the sides, for vertices at distance 1."""
        return math.cos(math.pi * self.q / self.p) if self.p else 1.0


class Placement(NamedTuple):
    """A shape at its place.

    Attributes:
        shape: The shape.
        x: Column of the centre in pixels; pixel k reaches from k - 0.5 to k + 0.5.
        y: Row of the centre in pixels.
        radius: Distance from the centre to the vertices, in pixels.
        angle: Direction of the first vertex in radians, from +x towards +y.
        filled: Whether the inside is inked too, or the outline alone.
    """

    shape: Shape
    x: float
    y: float
    radius: float
    angle: float
    filled: bool = False

    @property
    def vertices(self) -> list[tuple[float, float]]:
        """The vertices (x, y) in pixels; none for a circle."""
        angles = [
            self.angle + 2 * math.pi * k / self.shape.p for k in range(self.shape.p)
        ]
        return [
            (self.x + self.radius * math.cos(a), self.y + self.radius * math.sin(a))
            for a in angles
        ]

    def is_cut(self, image_size: int, margin: float) -> bool:
        """Whether the border of the picture cuts the outline.

        Args:
            image_size: Height and width of the picture in pixels.
            margin: Half the outline's width in pixels.
        """
        low = margin - 0.5 - _NOT_DRAWN
        high = image_size - 1 - low
        corners = [
            (self.x + sign * self.radius, self.y + sign * self.radius)
            for sign in (-1, 1)
        ]
        if _are_within(corners, low, high):
            return False
        return self.shape.p == 0 or not _are_within(self.vertices, low, high)


def _are_within(points: Iterable[tuple[float, float]], low: float, high: float) -> bool:
    return all(low <= x <= high and low <= y <= high for x, y in points)


def place(
    radii: Sequence[float],
    *,
    image_size: int,
    margin: float,
    overlap: bool,
    occlusion: bool,
    max_tries: int,
    rng: np.random.Generator,
) -> list[tuple[float, float]] | None:
    """Draws the centres of discs at random.

    A disc that finds no free place in `max_tries` draws makes the whole picture start
    again, at most `max_tries` times.

    Args:
        radii: Radii of the discs in pixels.
        image_size: Height and width of the picture in pixels.
        margin: Half the pen's width, added to each radius.
        overlap: Whether discs may overlap.
        occlusion: Whether the border may cut discs. Centres are inside in any case.
        max_tries: Bound on both repetitions.
        rng: Source of randomness.

    Returns:
        A centre (x, y) for each radius, or `None` if there was no room.
    """
    for _ in range(max_tries):
        centres: list[tuple[float, float]] = []
        for i, radius in enumerate(radii):
            reach = 0.0 if occlusion else radius + margin
            for _ in range(max_tries):
                u, v = rng.random(2).tolist()
                x = reach - 0.5 + u * (image_size - 2 * reach)
                y = reach - 0.5 + v * (image_size - 2 * reach)
                if overlap or all(
                    math.hypot(x - a, y - b) >= radius + radii[j] + 2 * margin
                    for j, (a, b) in enumerate(centres)
                ):
                    centres.append((x, y))
                    break
            if len(centres) == i:
                break
        else:
            return centres
    return None
