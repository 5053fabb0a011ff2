"""Square windows of annotated photographs: some show the target, others do not."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from keras_xai.datasets.annotations import Annotation, Object, read_annotation
from keras_xai.datasets.images import read_image
from keras_xai.datasets.split import DISTRACTOR, TARGET, Split
from keras_xai.datasets.voc import check_pixels, find_image, warn_of_empty_boxes
from keras_xai.errors import InputError

SCALES = (1.25, 3.0)  # side of a window around a box, in the box's longest side
MIN_SIDE = 80  # pixels of the photograph that a window without the target has at least
NUM_CANDIDATES = 10_000  # random windows tried for one without a target
VALIDATION_EVERY = 4  # photographs: the 75-25 split of [IbPRIA19] Sec. 2.3
THUMBNAIL_SIZE = 16
BLOCK = 256  # photographs that are compared with all others at a time
ALIKE = 0.8  # correlation of thumbnails from which two photographs look alike


class _Window(NamedTuple):
    """A square in a photograph's pixels."""

    x: int
    y: int
    side: int


class Crop(NamedTuple):
    """A window, resized.

    Attributes:
        image: `(image_size, image_size, 3)` uint8.
        annotation: what of the photograph's objects is in it. Its filename is the
            photograph's with the window's corner and side.
    """

    image: np.ndarray
    annotation: Annotation


class Photograph(NamedTuple):
    """What was cut out of one photograph.

    Attributes:
        place: of its annotation among all.
        crops: its windows.
        thumbnail: what it looks like, a vector.
    """

    place: int
    crops: list[Crop]
    thumbnail: np.ndarray


def read_crops(
    folder: Path,
    *,
    target: str,
    image_size: int,
    windows_per_box: int = 1,
    seed: int = 0,
) -> tuple[Split, Split]:
    """Cuts a binary task out of photographs that show the target.

    A positive is a window around a box, 1.25 to 3 times as long as the box's longest
    side where the photograph has room for that, and placed at random. A negative is a
    window of the same photograph that touches no box of the target: of many random
    ones, that whose side is nearest to the positive's. A photograph without room for
    one of 80 pixels gives positives alone.

    A quarter of the photographs is for validation; those that look alike, such as
    copies of one picture, are on one side. Photographs without the target are left out.

    Beside the target, these cues are left. Negatives are what the boxes leave over:
    smaller in their photograph, so that their scale is another and enlarging blurs
    them more often, plainer, and more often out of focus. And photographs that the
    target fills give positives alone.

    Args:
        folder: holds JPEGImages and Annotations in PASCAL VOC's layout. ImageSets are
            not needed; objects are their filled boxes. Those whose box is empty are
            left out, with a warning.
        target: the class to find.
        image_size: height and width that windows are resized to.
        windows_per_box: positives a box, and negatives where there is room.
        seed: of windows and split.

    Returns:
        Training and validation split; label 1 means that the target is in sight. The
        filename is the photograph's with the window's corner and side.

    Raises:
        InputError: if a file is missing or broken, a size is not the annotation's, or
            a class has no window in one of the splits.
    """
    photographs = list(
        cut_photographs(
            folder,
            target=target,
            image_size=image_size,
            windows_per_box=windows_per_box,
            seed=seed,
        )
    )
    held_out = hold_out([photograph.thumbnail for photograph in photographs], seed)
    train, validation = (
        _to_split(
            [
                crop
                for photograph, is_held_out in zip(photographs, held_out, strict=True)
                if is_held_out == is_validation
                for crop in photograph.crops
            ],
            f"the {name} photographs of {folder}",
            target,
        )
        for name, is_validation in (("training", False), ("validation", True))
    )
    return train, validation


def list_annotations(folder: Path) -> list[Path]:
    """Lists a VOC folder's annotations.

    Raises:
        InputError: if there is none.
    """
    paths = sorted((folder / "Annotations").glob("*.xml"))
    if not paths:
        raise InputError(
            f"{folder / 'Annotations'} holds no annotation; expected VOC's .xml files."
        )
    return paths


def cut_photographs(
    folder: Path, *, target: str, image_size: int, windows_per_box: int, seed: int
) -> Iterator[Photograph]:
    """Cuts windows out of one photograph after the other; see `read_crops`.

    Yields:
        What was cut out of each photograph that shows the target, in the order of
        `list_annotations`.

    Raises:
        InputError: as `read_crops` does, but for classes without a window.
    """
    paths = list_annotations(folder)
    annotations = [read_annotation(path) for path in paths]
    found = {obj.name for annotation in annotations for obj in annotation.objects}
    if target not in found:
        raise InputError(
            f"{folder / 'Annotations'} has no object {target!r}; expected one of: "
            f"{', '.join(sorted(found)) or 'none'}."
        )
    warn_of_empty_boxes(
        [path for path, a in zip(paths, annotations, strict=True) if a.left_out]
    )
    for place, (path, annotation) in enumerate(zip(paths, annotations, strict=True)):
        if target not in {obj.name for obj in annotation.objects}:
            continue
        image_path = find_image(folder, path.stem, annotation)
        annotation = annotation._replace(filename=image_path.name)
        check_pixels(image_path, annotation)
        image = read_image(image_path, num_channels=3)
        rng = np.random.default_rng((seed, place))
        windows = _draw_windows(annotation, target, windows_per_box, rng)
        crops = [_cut(image, annotation, w, image_size) for w in windows]
        yield Photograph(place, crops, _thumbnail(image))


def hold_out(thumbnails: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Draws a quarter of the photographs for validation; those alike stay together.

    Args:
        thumbnails: of `Photograph`s.
        seed: of the draw.

    Returns:
        `(num_photographs,)` bool.
    """
    groups = _group_alike(np.stack(thumbnails))
    order = np.random.default_rng(seed).permutation(groups.max() + 1)
    num_taken = np.cumsum(np.bincount(groups)[order])
    drawn = order[num_taken <= len(groups) // VALIDATION_EVERY]
    return np.isin(groups, drawn)


def _draw_windows(
    annotation: Annotation, target: str, num_windows: int, rng: np.random.Generator
) -> Iterator[_Window]:
    boxes = np.array([o.box for o in annotation.objects if o.name == target])
    for box in boxes:
        for _ in range(num_windows):
            positive = _draw_positive(annotation, box, rng)
            yield positive
            yield from _draw_negative(annotation, boxes, positive.side, rng)


def _draw_positive(
    annotation: Annotation, box: np.ndarray, rng: np.random.Generator
) -> _Window:
    """Draws a window that holds a box, or the photograph's width or height of it."""
    longest = (box[2:] - box[:2]).max()
    room = min(annotation.height, annotation.width)
    side = int(min(room, np.ceil(longest * rng.uniform(*SCALES))))
    lengths = np.array([annotation.width, annotation.height])
    ends = np.sort([box[2:] - side, box[:2]], axis=0)  # corners that touch the box
    first, last = np.clip(ends, 0, lengths - side)
    x, y = rng.integers(first, last + 1)
    return _Window(int(x), int(y), side)


def _draw_negative(
    annotation: Annotation, boxes: np.ndarray, side: int, rng: np.random.Generator
) -> Iterator[_Window]:
    """Draws a window that touches no box, with a side near to the given one, if any."""
    room = min(annotation.height, annotation.width)
    if room < MIN_SIDE:
        return
    sides = rng.integers(MIN_SIDE, room + 1, NUM_CANDIDATES)
    x = rng.integers(0, annotation.width - sides + 1)
    y = rng.integers(0, annotation.height - sides + 1)
    xmin, ymin, xmax, ymax = boxes.T[..., None]  # (4, num_boxes, 1)
    touches = (x < xmax) & (x + sides > xmin) & (y < ymax) & (y + sides > ymin)
    free = np.flatnonzero(~touches.any(axis=0))
    if len(free):
        nearest = free[np.abs(sides[free] - side).argmin()]
        yield _Window(int(x[nearest]), int(y[nearest]), int(sides[nearest]))


def _cut(
    image: np.ndarray, annotation: Annotation, window: _Window, image_size: int
) -> Crop:
    x, y, side = window
    square = Image.fromarray(image[y : y + side, x : x + side])
    objects = []
    for name, box in annotation.objects:
        xmin, ymin, xmax, ymax = np.clip(np.subtract(box, (x, y, x, y)), 0, side)
        if xmin < xmax and ymin < ymax:
            objects.append(Object(name, (int(xmin), int(ymin), int(xmax), int(ymax))))
    photograph = Path(annotation.filename)
    filename = f"{photograph.stem}_{x}_{y}_{side}{photograph.suffix}"
    cut = Annotation(filename, side, side, tuple(objects))
    size = (image_size, image_size)
    return Crop(
        np.asarray(square.resize(size, Image.Resampling.BILINEAR)), cut.resize(size)
    )


def _thumbnail(image: np.ndarray) -> np.ndarray:
    """Shrinks an image to a grey vector of mean 0 and length 1, or 0 if it is flat."""
    size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    grey = Image.fromarray(image).convert("L").resize(size, Image.Resampling.BILINEAR)
    vector = np.asarray(grey, np.float64).ravel()
    vector -= vector.mean()
    return vector / (np.linalg.norm(vector) or 1.0)


def _group_alike(thumbnails: np.ndarray) -> np.ndarray:
    """Numbers groups of photographs, each linked to another that looks alike."""
    count = len(thumbnails)
    pairs = [
        np.argwhere(thumbnails[i : i + BLOCK] @ thumbnails.T >= ALIKE) + (i, 0)
        for i in range(0, count, BLOCK)
    ]
    rows, columns = np.concatenate(pairs).T
    alike = coo_array((np.ones(len(rows), bool), (rows, columns)), (count, count))
    _, groups = connected_components(alike)
    return groups


def _to_split(crops: Sequence[Crop], whose: str, target: str) -> Split:
    boxes = [
        np.array(
            [o.box for o in crop.annotation.objects if o.name == target], np.int32
        ).reshape(-1, 4)
        for crop in crops
    ]
    labels = np.array([len(b) > 0 for b in boxes], np.int32)
    if labels.sum() in (0, len(labels)):
        raise InputError(
            f"There are {labels.sum()} windows with and {len(labels) - labels.sum()} "
            f"without '{target}' in {whose}; expected some of each."
        )
    images = np.stack([crop.image for crop in crops])
    object_maps = np.zeros(images.shape[:3], np.uint8)
    for object_map, crop in zip(object_maps, crops, strict=True):
        for kind in (DISTRACTOR, TARGET):  # the target last: it is on top
            for name, (xmin, ymin, xmax, ymax) in crop.annotation.objects:
                if (name == target) == (kind == TARGET):
                    object_map[ymin:ymax, xmin:xmax] = kind
    return Split(
        images,
        labels,
        object_maps,
        tuple(crop.annotation.filename for crop in crops),
        (f"no {target}", target),
        tuple(boxes),
    )
