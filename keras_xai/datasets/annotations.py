"""PASCAL VOC annotations: which objects an image shows, and where."""

import math
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from lxml import etree
from lxml.builder import E

from keras_xai.errors import InputError

MAX_XML_BYTES = 10_000_000
MAX_OVERHANG = 0.1  # of the image's side, by which a box may reach over its edge
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


class Object(NamedTuple):
    """One annotated object; `box` is 0-based and half-open."""

    name: str
    box: tuple[int, int, int, int]  # xmin, ymin, xmax, ymax in pixels


class Annotation(NamedTuple):
    """One VOC XML file.

    Attributes:
        filename: of the image; empty if the file does not say.
        height: of the image in pixels.
        width: likewise.
        objects: those that have a box.
        left_out: places among all objects, counted from 1, of those whose box is empty.
    """

    filename: str
    height: int
    width: int
    objects: tuple[Object, ...]
    left_out: tuple[int, ...] = ()

    def resize(self, size: tuple[int, int]) -> "Annotation":
        """Scales the boxes to another height and width, rounding outwards."""
        height, width = size
        y, x = Fraction(height, self.height), Fraction(width, self.width)
        objects = tuple(
            Object(
                name,
                (
                    math.floor(xmin * x),
                    math.floor(ymin * y),
                    math.ceil(xmax * x),
                    math.ceil(ymax * y),
                ),
            )
            for name, (xmin, ymin, xmax, ymax) in self.objects
        )
        return self._replace(height=height, width=width, objects=objects)


def read_annotation(path: Path) -> Annotation:
    """Reads one PASCAL VOC annotation.

    VOC counts pixels from 1 and includes the last one; the boxes returned count from 0
    and exclude it. Labelling tools leave boxes without a pixel behind; such objects are
    left out.

    Args:
        path: the XML file. Entities are not resolved and nothing is fetched.

    Returns:
        The annotation.

    Raises:
        InputError: if the file is missing, broken, too large, declares entities, lacks
            an element, or has a box far outside the image.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_XML_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected a VOC annotation.") from None
    if len(text) > MAX_XML_BYTES:
        raise InputError(
            f"{path} has more than {MAX_XML_BYTES} bytes; expected a VOC annotation."
        )
    try:  # of bytes: what lxml opens by its name, it also unzips, to any size
        root = etree.fromstring(text, PARSER)
    except etree.XMLSyntaxError as error:
        raise InputError(f"{path} is not well-formed XML: {error.msg}.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise InputError(f"{path} declares a document type; expected plain VOC XML.")
    height = _integer(path, root, "size/height")
    width = _integer(path, root, "size/width")
    objects = [
        _object(path, element, height, width) for element in root.iterfind("object")
    ]
    return Annotation(
        filename=(root.findtext("filename") or "").strip(),
        height=height,
        width=width,
        objects=tuple(obj for obj in objects if not _is_empty(obj)),
        left_out=tuple(i for i, obj in enumerate(objects, 1) if _is_empty(obj)),
    )


def write_annotation(path: Path, annotation: Annotation, num_channels: int) -> None:
    """Writes one PASCAL VOC annotation.

    Args:
        path: the XML file.
        annotation: what it says; without `left_out`.
        num_channels: of the image.
    """
    root = E.annotation(
        E.folder("JPEGImages"),
        E.filename(annotation.filename),
        E.size(
            E.width(str(annotation.width)),
            E.height(str(annotation.height)),
            E.depth(str(num_channels)),
        ),
        E.segmented("0"),
    )
    for name, (xmin, ymin, xmax, ymax) in annotation.objects:
        root.append(
            E.object(
                E.name(name),
                E.pose("Unspecified"),
                E.truncated("0"),
                E.difficult("0"),
                E.bndbox(
                    E.xmin(str(xmin + 1)),
                    E.ymin(str(ymin + 1)),
                    E.xmax(str(xmax)),
                    E.ymax(str(ymax)),
                ),
            )
        )
    path.write_bytes(etree.tostring(root, encoding="utf-8", pretty_print=True))


def _object(path: Path, element: etree._Element, height: int, width: int) -> Object:
    """Reads one object; a box may reach a little over the image's edge."""
    xmin, ymin, xmax, ymax = (
        _integer(path, element, f"bndbox/{side}")
        for side in ("xmin", "ymin", "xmax", "ymax")
    )
    name = _text(path, element, "name")
    over = (
        max(1 - xmin, xmax - width) / max(width, 1),
        max(1 - ymin, ymax - height) / max(height, 1),
    )
    if max(over) > MAX_OVERHANG:
        raise InputError(
            f"{path} has a box of {name!r} from {xmin}, {ymin} to {xmax}, {ymax}; "
            f"expected one inside the image, which has {width}x{height} pixels."
        )
    box = max(xmin - 1, 0), max(ymin - 1, 0), min(xmax, width), min(ymax, height)
    return Object(name, box)


def _is_empty(obj: Object) -> bool:
    xmin, ymin, xmax, ymax = obj.box
    return xmin >= xmax or ymin >= ymax


def _text(path: Path, element: etree._Element, tag: str) -> str:
    text = element.findtext(tag)
    if not text:
        raise InputError(f"{path} has no <{tag}> in <{element.tag}>.")
    return text


def _integer(path: Path, element: etree._Element, tag: str) -> int:
    text = _text(path, element, tag)
    try:
        return round(float(text))
    except (ValueError, OverflowError):
        raise InputError(f"{path} has <{tag}> {text!r}; expected an integer.") from None
