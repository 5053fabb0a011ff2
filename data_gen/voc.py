"""PASCAL VOC's files: annotations, the masks' palette, and lists of images."""

from collections.abc import Sequence

from lxml import etree

from data_gen.drawing import Box
from data_gen.polygons import Shape

DATABASE = "keras_xai polygons"


def annotation(
    stem: str,
    *,
    image_size: int,
    channels: int,
    objects: Sequence[tuple[str, Box]],
    target: Shape,
) -> bytes:
    """Writes the annotation of one picture.

    Boxes become VOC's: 1-based, both ends included. An element `target`, beyond VOC,
    tells the target's name, p and q (0 and 1 for a circle), and how many there are.

    Args:
        stem: File name of the picture without its suffix.
        image_size: Height and width of the picture in pixels.
        channels: Channels of the picture.
        objects: Name and box of each shape, in the order of the mask's indices.
        target: The target shape.

    Returns:
        The bytes of the XML file.
    """
    count = sum(name == target.name for name, _ in objects)
    root = etree.Element("annotation")
    _add(root, folder="JPEGImages", filename=f"{stem}.png")
    source = etree.SubElement(root, "source")
    _add(source, database=DATABASE, annotation=DATABASE, image=DATABASE)
    size = etree.SubElement(root, "size")
    _add(size, width=image_size, height=image_size, depth=channels)
    _add(root, segmented=1)
    for name, box in objects:
        item = etree.SubElement(root, "object")
        truncated = int(box.truncated)
        _add(item, name=name, pose="Unspecified", truncated=truncated, difficult=0)
        corners = etree.SubElement(item, "bndbox")
        _add(corners, xmin=box.xmin + 1, ymin=box.ymin + 1)
        _add(corners, xmax=box.xmax + 1, ymax=box.ymax + 1)
    element = etree.SubElement(root, "target")
    _add(element, name=target.name, p=target.p, q=target.q, count=count)
    return etree.tostring(root, pretty_print=True)


def _add(parent: etree._Element, **leaves: str | int) -> None:
    for name, value in leaves.items():
        etree.SubElement(parent, name).text = str(value)


def palette(num_indices: int = 256) -> bytes:
    """VOC's colours: the bits of an index, dealt to red, green and blue in turn.

    Args:
        num_indices: Number of indices, the background's 0 included.

    Returns:
        Red, green and blue of each index.
    """
    colours = bytearray()
    for index in range(num_indices):
        for channel in range(3):
            colours.append(
                sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3))
            )
    return bytes(colours)
