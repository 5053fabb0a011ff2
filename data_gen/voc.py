"""PASCAL VOC's annotations and palette."""

from collections.abc import Iterable
from functools import lru_cache

from lxml import etree

from data_gen.drawing import Box
from data_gen.polygons import Shape

_DATABASE = "keras_xai polygons"

# Red, green and blue of each index of a mask: the index's bits, dealt to the three in
# turn, the lowest to the highest.
PALETTE = bytes(
    sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3))
    for index in range(256)
    for channel in range(3)
)


def annotation(
    stem: str,
    *,
    image_size: int,
    channels: int,
    objects: Iterable[tuple[Shape, Box]],
    target: Shape,
) -> bytes:
    """Writes the annotation of one picture.

    Boxes become VOC's: 1-based, both ends included. An element `target`, beyond VOC,
    tells the target's name, its p and q (0 and 1 for a circle) and how many there are.

    Args:
        stem: File name of the picture without its suffix.
        image_size: Height and width of the picture in pixels.
        channels: Channels of the picture.
        objects: Each shape with its box, in the order of the mask's indices.
        target: The target shape.

    Returns:
        The bytes of the XML file.
    """
    objects = list(objects)
    values: list[str | int] = [stem, sum(shape == target for shape, _ in objects)]
    for shape, (xmin, ymin, xmax, ymax, truncated) in objects:
        values += shape.name, truncated, xmin + 1, ymin + 1, xmax + 1, ymax + 1
    return (
        _template(image_size, channels, target, len(objects)) % tuple(values)
    ).encode()


@lru_cache(maxsize=256)
def _template(image_size: int, channels: int, target: Shape, num_objects: int) -> str:
    """The annotation of any picture, with places for its numbers and plain words.

    Filling these in takes a tenth of the time that a tree for each picture would.
    """
    root = etree.Element("annotation")
    _add(root, folder="JPEGImages", filename="%s.png")
    _add(
        etree.SubElement(root, "source"),
        database=_DATABASE,
        annotation=_DATABASE,
        image=_DATABASE,
    )
    size = etree.SubElement(root, "size")
    _add(size, width=image_size, height=image_size, depth=channels)
    _add(root, segmented=1)
    element = etree.SubElement(root, "target")
    _add(element, name=target.name, p=target.p, q=target.q, count="%d")
    for _ in range(num_objects):
        item = etree.SubElement(root, "object")
        _add(item, name="%s", pose="Unspecified", truncated="%d", difficult=0)
        corners = etree.SubElement(item, "bndbox")
        _add(corners, xmin="%d", ymin="%d", xmax="%d", ymax="%d")
    return etree.tostring(root, encoding="unicode", pretty_print=True)


def _add(parent: etree._Element, **leaves: str | int) -> None:
    for name, value in leaves.items():
        etree.SubElement(parent, name).text = str(value)
