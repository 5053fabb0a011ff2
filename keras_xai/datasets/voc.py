"""PASCAL VOC folders: image sets, images and object masks beside annotations."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
from PIL import ExifTags, Image

from keras_xai.datasets.allocate import allocate
from keras_xai.datasets.annotations import Annotation, read_annotation
from keras_xai.datasets.images import IMAGE_SUFFIXES, open_image, read_image
from keras_xai.datasets.split import BACKGROUND, DISTRACTOR, TARGET, Split
from keras_xai.errors import InputError, InputWarning

VOID = 255  # in a mask of VOC's own: a border between objects, or too hard to tell


def read_voc(
    folder: Path,
    subset: str,
    *,
    target: str | None = None,
    size: tuple[int, int] | None = None,
    num_channels: int = 3,
) -> Split:
    """Reads one subset of a VOC folder as a binary task: is the target there?

    Args:
        folder: holds JPEGImages, Annotations, ImageSets/Main and perhaps
            SegmentationObject, whose index k is the annotation's k-th object, and 255
            void. Without the latter, objects are their filled boxes. Objects whose box
            is empty are left out, with a warning.
        subset: "train" or "val": the list in ImageSets/Main.
        target: the class to find; by default the one that manifest.json names.
        size: `(height, width)` to resize images, boxes and masks to, or None for the
            files' own, which then has to be the same for all.
        num_channels: 1 or 3; the files are converted.

    Returns:
        A split whose label 1 means that at least one target is annotated.

    Raises:
        InputError: if a file is missing or broken, no class is named, sizes differ, an
            image has an EXIF orientation, or one of the two classes has no image.
    """
    if target is None:
        target = _read_target(folder)
    list_path = _list_path(folder, subset)
    if not list_path.exists():
        raise InputError(
            f"{list_path} does not exist; expected a VOC image set. Of photographs "
            "with boxes and no sets, `keras-xai crop` makes a data set."
        )
    names = read_lines(list_path)
    labels, filenames, target_boxes, incomplete, has_masks = [], [], [], [], []
    found: set[str] = set()
    for index, name in enumerate(names):
        annotation_path = folder / "Annotations" / f"{name}.xml"
        stored = read_annotation(annotation_path)
        if stored.left_out:
            incomplete.append(annotation_path)
        path = find_image(folder, name, stored)
        check_pixels(path, stored)
        image = read_image(path, num_channels, size)
        annotation = stored.resize(image.shape[:2])
        if index == 0:
            images = allocate((len(names), *image.shape))
            object_maps = allocate((len(names), *image.shape[:2]))
        if image.shape != images.shape[1:]:
            raise InputError(
                f"{path} has shape {image.shape}; expected {images.shape[1:]}, as the "
                "images before it, unless all are resized (--size, or decode's "
                "--resize)."
            )
        images[index] = image
        object_maps[index] = _object_map(folder, name, stored, annotation, target)
        found |= {obj.name for obj in annotation.objects}
        boxes = [obj.box for obj in annotation.objects if obj.name == target]
        labels.append(bool(boxes))
        target_boxes.append(np.array(boxes, np.int32).reshape(-1, 4))
        filenames.append(path.name)
        has_masks.append(_mask_path(folder, name).exists())

    warn_of_empty_boxes(incomplete)
    num_positives = sum(labels)
    if num_positives in (0, len(labels)):
        raise InputError(
            f"{list_path} lists {num_positives} images with and "
            f"{len(labels) - num_positives} without '{target}'; expected some of each. "
            f"Its objects are: {', '.join(sorted(found)) or 'none'}. Of photographs "
            "that all show it, `keras-xai crop` makes windows with and without it."
        )
    return Split(
        images=images,
        labels=np.array(labels, np.int32),
        object_maps=object_maps,
        filenames=tuple(filenames),
        class_names=(f"no {target}", target),
        target_boxes=tuple(target_boxes),
        has_masks=np.array(has_masks) if any(has_masks) else None,
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
    names = read_lines(_list_path(folder, subset))
    annotations = (read_annotation(folder / "Annotations" / f"{n}.xml") for n in names)
    return {
        name: any(obj.name == target for obj in annotation.objects)
        for name, annotation in zip(names, annotations, strict=True)
    }


def read_lines(path: Path) -> list[str]:
    """Reads a list of images, one a line; a name may hold blanks.

    Raises:
        InputError: if the file is missing, no text in UTF-8, or empty, or an image is
            outside the folder.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected a VOC image set.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8: {error}.") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{path} is empty; expected one image a line.")
    for line in lines:
        check_inside(path, line)
    return lines


def check_inside(path: Path, name: str) -> None:
    """Refuses the name of an image that leads out of a folder.

    Args:
        path: of the file that has the name.
        name: of an image, relative to its folder.

    Raises:
        InputError: if it is an absolute path, or goes up.
    """
    if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
        raise InputError(f"{path} names {name!r}; expected an image inside its folder.")


def find_image(folder: Path, name: str, annotation: Annotation) -> Path:
    """Finds the image of an annotation.

    Args:
        folder: holds JPEGImages.
        name: the annotation's, without its ending.
        annotation: tells an image's name, for where none has the annotation's.

    Raises:
        InputError: if there is none, or the annotation's is outside.
    """
    images = folder / "JPEGImages"
    endings = [*IMAGE_SUFFIXES, *map(str.upper, IMAGE_SUFFIXES)]
    filenames = [f"{name}{ending}" for ending in endings]
    for filename in filenames:
        if (images / filename).is_file():
            return images / filename
    if annotation.filename:
        check_inside(folder / "Annotations" / f"{name}.xml", annotation.filename)
        if (images / annotation.filename).is_file():
            return images / annotation.filename
    wanted = annotation.filename or filenames[0]
    raise InputError(
        f"{images / wanted} does not exist; expected the image of Annotations/"
        f"{name}.xml, of that name or of the annotation's."
    )


def warn_of_empty_boxes(paths: Sequence[Path]) -> None:
    """Warns once of objects that are left out.

    Args:
        paths: of the annotations that hold them; no warning if there is none.
    """
    if paths:
        others = f" and {len(paths) - 1} more" if paths[1:] else ""
        warnings.warn(
            f"Objects whose box is empty are left out, as if they were not annotated: "
            f"in {paths[0]}{others}.",
            InputWarning,
            stacklevel=3,
        )


def _mask_path(folder: Path, name: str) -> Path:
    return folder / "SegmentationObject" / f"{name}.png"


def _list_path(folder: Path, subset: str) -> Path:
    return folder / "ImageSets" / "Main" / f"{subset}.txt"


def _read_target(folder: Path) -> str:
    """Reads the class to find from `manifest.json`, of `generate` or `crop`."""
    try:
        manifest = (folder / "manifest.json").read_bytes()
        name = json.loads(manifest)["target"]["name"]
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        name = None
    if not isinstance(name, str):
        raise InputError(
            f"{folder} has no manifest.json that names the class to find, as one of "
            "`keras-xai generate` or `crop` does; expected its name as --target "
            "(`target` in Python)."
        )
    return name


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
    kinds = [TARGET if o.name == target else DISTRACTOR for o in annotation.objects]
    path = _mask_path(folder, name)
    if path.exists():
        with open_image(path) as file:
            if file.size != (stored.width, stored.height) or file.mode not in "LP1":
                raise InputError(
                    f"{path} has {file.width}x{file.height} pixels of mode "
                    f"{file.mode}; expected {stored.width}x{stored.height} of mode P "
                    "or L, as its annotation says."
                )
            size = (annotation.width, annotation.height)
            indices = np.array(file.resize(size, Image.Resampling.NEAREST), np.uint8)
        for place in annotation.left_out:
            kinds.insert(place - 1, BACKGROUND)
        if len(kinds) < VOID:
            indices[indices == VOID] = 0
        if indices.max() > len(kinds):
            raise InputError(
                f"{path} holds index {indices.max()}; its annotation has "
                f"{len(kinds)} objects."
            )
        return np.array([BACKGROUND, *kinds], np.uint8)[indices]
    object_map = np.zeros((annotation.height, annotation.width), np.uint8)
    for kind, obj in sorted(zip(kinds, annotation.objects, strict=True)):
        xmin, ymin, xmax, ymax = obj.box
        object_map[ymin:ymax, xmin:xmax] = kind
    return object_map
