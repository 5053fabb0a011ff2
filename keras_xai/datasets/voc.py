"""PASCAL VOC folders: XML annotations, image sets and object masks."""

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from lxml import etree
from PIL import ExifTags, Image

from keras_xai.datasets.allocate import allocate
from keras_xai.datasets.images import open_image, read_image
from keras_xai.datasets.split import DISTRACTOR, TARGET, Split
from keras_xai.errors import InputError

MAX_XML_BYTES = 10_000_000
PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


class Object(NamedTuple):
    """One annotated object; `box` is 0-based and half-open."""

    name: str
    box: tuple[int, int, int, int]  # xmin, ymin, xmax, ymax in pixels


class Annotation(NamedTuple):
    """One VOC XML file."""

    filename: str
    height: int
    width: int
    objects: tuple[Object, ...]

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
    and exclude it.

    Args:
        path: the XML file. Entities are not resolved and nothing is fetched.

    Returns:
        The annotation.

    Raises:
        InputError: if the file is missing, broken, too large, declares entities, or
            lacks an element.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected a VOC annotation.") from None
    if size > MAX_XML_BYTES:
        raise InputError(
            f"{path} has {size} bytes; expected an annotation of at most "
            f"{MAX_XML_BYTES}."
        )
    try:
        tree = etree.parse(str(path), PARSER)
    except etree.XMLSyntaxError as error:
        raise InputError(f"{path} is not well-formed XML: {error.msg}.") from None
    if tree.docinfo.internalDTD is not None:
        raise InputError(f"{path} declares a document type; expected plain VOC XML.")
    root = tree.getroot()
    filename = _text(path, root, "filename")
    height = _integer(path, root, "size/height")
    width = _integer(path, root, "size/width")
    return Annotation(
        filename=filename,
        height=height,
        width=width,
        objects=tuple(
            _object(path, element, height, width) for element in root.iterfind("object")
        ),
    )


def read_voc(
    folder: Path,
    subset: str,
    *,
    target: str | None = None,
    size: tuple[int, int] | None = None,
) -> Split:
    """Reads one subset of a VOC folder as a binary task: is the target there?

    Args:
        folder: holds JPEGImages, Annotations, ImageSets/Main and perhaps
            SegmentationObject, whose index k is the annotation's k-th object. Without
            the latter, objects are their filled boxes.
        subset: "train" or "val": the list in ImageSets/Main.
        target: the class to find; by default the one that manifest.json names.
        size: `(height, width)` to resize images, boxes and masks to, or None for the
            files' own, which then has to be the same for all.

    Returns:
        A split whose label 1 means that at least one target is annotated.

    Raises:
        InputError: if a file is missing or broken, sizes differ, an image has an EXIF
            orientation, or one of the two classes has no image.
    """
    if target is None:
        target = read_manifest(folder)["target"]["name"]
    list_path, names = _read_list(folder, subset)
    labels, filenames, target_boxes = [], [], []
    for index, name in enumerate(names):
        stored = read_annotation(folder / "Annotations" / f"{name}.xml")
        path = folder / "JPEGImages" / stored.filename
        check_pixels(path, stored)
        image = read_image(path, num_channels=3, size=size)
        annotation = stored.resize(image.shape[:2])
        if index == 0:
            images = allocate((len(names), *image.shape))
            object_maps = allocate((len(names), *image.shape[:2]))
        if image.shape != images.shape[1:]:
            raise InputError(
                f"{path} has shape {image.shape}; expected {images.shape[1:]}, as the "
                "images before it."
            )
        images[index] = image
        object_maps[index] = _object_map(folder, name, stored, annotation, target)
        boxes = [obj.box for obj in annotation.objects if obj.name == target]
        labels.append(bool(boxes))
        target_boxes.append(np.array(boxes, np.int32).reshape(-1, 4))
        filenames.append(annotation.filename)

    num_positives = sum(labels)
    if num_positives in (0, len(labels)):
        raise InputError(
            f"{list_path} lists {num_positives} images with and "
            f"{len(labels) - num_positives} without '{target}'; expected some of each."
        )
    return Split(
        images=images,
        labels=np.array(labels, np.int32),
        object_maps=object_maps,
        filenames=tuple(filenames),
        class_names=(f"no {target}", target),
        target_boxes=tuple(target_boxes),
    )


def read_labels(folder: Path, subset: str, target: str) -> dict[str, bool]:
    """Reads which images of a VOC subset show the target; no image is opened.

    Args:
        folder: holds Annotations and ImageSets/Main.
        subset: "train" or "val".
        target: the class to find.

    Returns:
        Image name without its ending to whether it does, in the order of the list.

    Raises:
        InputError: if a file is missing or broken.
    """
    _, names = _read_list(folder, subset)
    annotations = (read_annotation(folder / "Annotations" / f"{n}.xml") for n in names)
    return {
        name: any(obj.name == target for obj in annotation.objects)
        for name, annotation in zip(names, annotations, strict=True)
    }


def _read_list(folder: Path, subset: str) -> tuple[Path, list[str]]:
    """Reads the names of a subset's images; returns the list's path too."""
    path = folder / "ImageSets" / "Main" / f"{subset}.txt"
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a VOC image set.")
    names = path.read_text().split()
    if not names:
        raise InputError(f"{path} is empty; expected one image name a line.")
    return path, names


def read_manifest(folder: Path) -> dict:
    """Reads the generator's `manifest.json`.

    Raises:
        InputError: if it is missing or broken.
    """
    path = folder / "manifest.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(
            f"{path} does not exist; expected a folder made by `keras-xai generate`."
        ) from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None


def _object(path: Path, element: etree._Element, height: int, width: int) -> Object:
    """Reads one object; a box may reach a little over the image's edge."""
    xmin, ymin, xmax, ymax = (
        _integer(path, element, f"bndbox/{side}")
        for side in ("xmin", "ymin", "xmax", "ymax")
    )
    box = max(xmin - 1, 0), max(ymin - 1, 0), min(xmax, width), min(ymax, height)
    if box[0] >= box[2] or box[1] >= box[3]:
        raise InputError(
            f"{path} has an empty box; expected xmin <= xmax and ymin <= ymax inside "
            f"{width}x{height}. Received: {xmin}, {ymin}, {xmax}, {ymax}"
        )
    return Object(_text(path, element, "name"), box)


def check_pixels(path: Path, annotation: Annotation) -> None:
    """Makes sure that boxes and pixels mean the same places.

    Args:
        path: the image file.
        annotation: as stored.

    Raises:
        InputError: if the image has another size, or an EXIF orientation.
    """
    with open_image(path) as file:
        orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
        size = (file.height, file.width)
    if orientation != 1:
        raise InputError(
            f"{path} has EXIF orientation {orientation}; expected an upright image, "
            "because its annotation does not say which way it counts."
        )
    if size != (annotation.height, annotation.width):
        raise InputError(
            f"{path} has height and width {size}; expected "
            f"{(annotation.height, annotation.width)}, as its annotation says."
        )


def _object_map(
    folder: Path, name: str, stored: Annotation, annotation: Annotation, target: str
) -> np.ndarray:
    kinds = np.array(
        [0] + [TARGET if o.name == target else DISTRACTOR for o in annotation.objects],
        np.uint8,
    )
    path = folder / "SegmentationObject" / f"{name}.png"
    if path.exists():
        with open_image(path) as file:
            if file.size != (stored.width, stored.height) or file.mode not in "LP1":
                raise InputError(
                    f"{path} has {file.width}x{file.height} pixels of mode "
                    f"{file.mode}; expected {stored.width}x{stored.height} of mode P "
                    "or L, as its annotation says."
                )
            size = (annotation.width, annotation.height)
            indices = np.asarray(file.resize(size, Image.Resampling.NEAREST))
        if indices.max() >= len(kinds):
            raise InputError(
                f"{path} holds index {indices.max()}; its annotation has "
                f"{len(annotation.objects)} objects."
            )
        return kinds[indices]
    object_map = np.zeros((annotation.height, annotation.width), np.uint8)
    for kind, obj in sorted(zip(kinds[1:], annotation.objects, strict=True)):
        xmin, ymin, xmax, ymax = obj.box
        object_map[ymin:ymax, xmin:xmax] = kind
    return object_map


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
