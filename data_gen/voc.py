"""PASCAL VOC's annotations and palette."""

from collections.abc import Iterable
from copy import copy
from functools import lru_cache

from lxml import etree

from data_gen.drawing import Box
from data_gen.polygons import Shape

_DATABASE = "keras_xai polygons"

_ANNOTATION = f"""<annotation>
<folder>JPEGImages</folder>
<filename/>
<source>
<database>{_DATABASE}</database>
<annotation>{_DATABASE}</annotation>
<image>{_DATABASE}</image>
</source>
<size><width/><height/><depth/></size>
<segmented>1</segmented>
<target><name/><p/><q/><count/></target>
</annotation>"""

_OBJECT = """<object>
<name/>
<pose>Unspecified</pose>
<truncated/>
<difficult>0</difficult>
<bndbox><xmin/><ymin/><xmax/><ymax/></bndbox>
</object>"""

# Red, green and blue of each index of a mask: the index's bits, dealt to the three in
# turn, the lowest to the highest.
PALETTE = bytes(
    sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3))
    for index in range(256)
    for channel in range(3)
)

_PARSER = etree.XMLParser(remove_blank_text=True)
_OBJECT_ELEMENT = etree.XML(_OBJECT, _PARSER)


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
    root = copy(_template(image_size, channels, target))
    root[1].text = f"{stem}.png"
    count = 0
    for shape, box in objects:
        count += shape == target
        item = copy(_OBJECT_ELEMENT)
        item[0].text = shape.name
        item[2].text = "1" if box.truncated else "0"
        corners = item[4]
        corners[0].text = str(box.xmin + 1)
        corners[1].text = str(box.ymin + 1)
        corners[2].text = str(box.xmax + 1)
        corners[3].text = str(box.ymax + 1)
        root.append(item)
    root.find("target/count").text = str(count)
    return etree.tostring(root, pretty_print=True)


@lru_cache(maxsize=1)
def _template(image_size: int, channels: int, target: Shape) -> etree._Element:
    """What all annotations of a set have in common; copying is thrice as fast."""
    root = etree.XML(_ANNOTATION, _PARSER)
    values = {
        "size/width": image_size,
        "size/height": image_size,
        "size/depth": channels,
        "target/name": target.name,
        "target/p": target.p,
        "target/q": target.q,
    }
    for path, value in values.items():
        root.find(path).text = str(value)
    return root
