"""What a polygon data set shall contain."""

from dataclasses import dataclass, field
from typing import Any

from data_gen.polygons import Shape

MAX_OBJECTS = 255  # indices of a mask in one byte, but for the background's 0
POSITIVE_SHARE = 0.5  # of images, if nothing is said
CLEARANCE = 2.0  # pixels left free between a target and the polygon outside it


def _option(default: Any, description: str) -> Any:
    return field(default=default, metadata={"help": description})


@dataclass(frozen=True, kw_only=True)
class PolygonConfig:
    """Options of a polygon data set; each field's metadata holds its description.

    A colour is one grey level in [0, 255] for all channels or one for each channel
    (red, green, blue).

    Raises:
        ValueError: If an option is out of its range or contradicts another.
    """

    num_images: int = _option(1000, "Number of images.")
    num_positive: int | None = _option(
        None, "Number of images with a target, met exactly; by default from the share."
    )
    positive_share: float = _option(
        POSITIVE_SHARE,
        "Share of images with a target, 0 to 1, if their number is not given.",
    )
    image_size: int = _option(224, "Height and width of an image in pixels.")
    channels: int = _option(3, "Channels of an image: 1 (grey) or 3 (RGB).")
    target: str = _option(
        "triangle", "Shape to be found: circle, triangle, star5, 7/3, ..."
    )
    num_targets: int = _option(1, "Number of targets in a positive image.")
    distractors: tuple[str, ...] = _option(
        ("circle",), "Shapes all others are drawn from, with equal chances."
    )
    min_shapes: int = _option(3, "Fewest shapes in an image, targets included.")
    max_shapes: int = _option(9, "Most shapes in an image, targets included.")
    min_radius: float = _option(7.0, "Smallest radius of a shape in pixels.")
    max_radius: float = _option(19.0, "Largest radius of a shape in pixels.")
    overlap: bool = _option(True, "Let shapes overlap.")
    occlusion: bool = _option(False, "Let the image's border cut shapes.")
    rotation: bool = _option(True, "Turn each shape by a random angle.")
    noise: float = _option(
        0.0, "Standard deviation of the Gaussian noise in grey levels."
    )
    background: tuple[int, ...] = _option(
        (255,), "Colour of the background: a grey level from 0 to 255, or three."
    )
    colour: tuple[int, ...] = _option((0,), "Colour of the shapes, likewise.")
    target_colour: tuple[int, ...] | None = _option(
        None, "Colour of the targets; by default that of all shapes."
    )
    line_width: int = _option(1, "Width of the outlines in pixels.")
    filled: bool = _option(
        False, "Fill the shapes, but for outside polygons; best without overlap."
    )
    outside_polygon: str | None = _option(
        None, "Shape drawn around targets, beyond the number of shapes."
    )
    outside_share: float = _option(
        1.0, "Probability of a target to have the shape around it, if one is given."
    )
    val_share: float = _option(
        0.25, "Share of the images in the validation list, from 0 to below 1."
    )
    seed: int = _option(0, "Seed; the same one gives the same bytes.")
    start_index: int = _option(0, "Index of the first image.")
    max_tries: int = _option(
        100, "Tries to place a shape, and to lay out an image, before giving up."
    )

    def __post_init__(self) -> None:
        """Checks each option."""
        for name in ("distractors", "background", "colour", "target_colour"):
            if isinstance(getattr(self, name), list):  # as JSON has them
                object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check_counts()
        self._check_shapes()
        self._check_colours()

    @property
    def positives(self) -> int:
        """Number of images with a target."""
        if self.num_positive is None:
            return round(self.positive_share * self.num_images)
        return self.num_positive

    @property
    def end_index(self) -> int:
        """Index after the last image's."""
        return self.start_index + self.num_images

    def _check_counts(self) -> None:
        self._check("num_images", self.num_images >= 1, "at least 1")
        self._check(
            "num_positive",
            self.num_positive is None or 0 <= self.num_positive <= self.num_images,
            f"a number from 0 to num_images={self.num_images}",
        )
        self._check(
            "positive_share",
            self.num_positive is None or self.positive_share == POSITIVE_SHARE,
            f"none beside num_positive={self.num_positive}",
        )
        self._check(
            "outside_share",
            self.outside_polygon is not None or self.outside_share == 1,
            "none without an outside_polygon",
        )
        for name in ("positive_share", "outside_share"):
            self._check(name, 0 <= getattr(self, name) <= 1, "a share from 0 to 1")
        self._check("val_share", 0 <= self.val_share < 1, "a share from 0 to below 1")
        self._check("seed", 0 <= self.seed < 2**64, "a number from 0 to 2**64 - 1")
        self._check("start_index", self.start_index >= 0, "at least 0")
        self._check("max_tries", self.max_tries >= 1, "at least 1")
        self._check("channels", self.channels in (1, 3), "1 or 3")
        self._check("noise", 0 <= self.noise <= 255, "grey levels from 0 to 255")

    def _check_shapes(self) -> None:
        for option, names in (
            ("target", (self.target,)),
            ("distractors", self.distractors),
            ("outside_polygon", filter(None, (self.outside_polygon,))),
        ):
            for name in names:
                try:
                    Shape.from_name(name)
                except ValueError as error:
                    message = str(error).replace("name", option)
                    raise ValueError(message) from None
        self._check("distractors", bool(self.distractors), "at least one shape")
        self._check(
            "distractors",
            Shape.from_name(self.target) not in map(Shape.from_name, self.distractors),
            f"shapes other than target={self.target!r}",
        )
        self._check("num_targets", self.num_targets >= 1, "at least 1")
        self._check(
            "min_shapes",
            self.min_shapes >= self.num_targets,
            f"at least num_targets={self.num_targets}",
        )
        limit = MAX_OBJECTS - (self.num_targets if self.outside_polygon else 0)
        self._check(
            "max_shapes",
            self.min_shapes <= self.max_shapes <= limit,
            f"a number from min_shapes={self.min_shapes} to {limit}",
        )
        self._check("line_width", self.line_width >= 1, "at least 1")
        self._check("min_radius", self.min_radius > 0, "more than 0")
        self._check(
            "max_radius",
            self.max_radius >= self.min_radius,
            f"at least min_radius={self.min_radius}",
        )
        largest = self.outer_radius(self.max_radius)
        self._check(
            "max_radius",
            2 * largest + self.line_width <= self.image_size,
            f"shapes that fit into image_size={self.image_size} (the largest is "
            f"{2 * largest + self.line_width:g} pixels wide)",
        )

    def _check_colours(self) -> None:
        for name in ("background", "colour", "target_colour"):
            colour = getattr(self, name)
            self._check(
                name,
                colour is None
                or (
                    len(colour) in (1, self.channels)
                    and all(0 <= level <= 255 for level in colour)
                ),
                f"1 or channels={self.channels} grey levels from 0 to 255",
            )
            self._check(
                name,
                name == "background"
                or colour is None
                or self.levels(colour) != self.levels(self.background),
                f"a colour other than background={self.background}",
            )

    def _check(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ValueError(
                f"Invalid value for `{name}`. Expected {expected}. "
                f"Received: {name}={getattr(self, name)!r}"
            )

    def levels(self, colour: tuple[int, ...]) -> tuple[int, ...]:
        """A grey level for each channel."""
        return colour * self.channels if len(colour) == 1 else colour

    def outer_radius(self, radius: float) -> float:
        """Radius of the outside polygon around a target, or the target's without."""
        if self.outside_polygon is None:
            return radius
        inradius = Shape.from_name(self.outside_polygon).inradius
        return (radius + self.line_width + CLEARANCE) / inradius
