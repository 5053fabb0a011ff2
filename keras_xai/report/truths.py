"""The true labels of explained images, from the data set they are of."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_xai.datasets.arrays import read_npz
from keras_xai.datasets.class_names import find_target
from keras_xai.datasets.classification import list_class_files
from keras_xai.datasets.images import fit_image, read_image
from keras_xai.datasets.voc import read_labels, read_lines
from keras_xai.errors import InputError


class Truth(NamedTuple):
    """What the data set knows of an explained image.

    Attributes:
        label: its place among the explained classes.
        load: from `(height, width)` to the image of this size, `(height, width, 3)`
            uint8.
    """

    label: int
    load: Callable[[tuple[int, int]], np.ndarray]


def read_truths(
    data_dir: Path, filenames: Sequence[str], class_names: Sequence[str]
) -> dict[str, Truth]:
    """Finds the validation images among explained ones, and their true labels.

    Args:
        data_dir: the data set, in VOC layout, with one folder of images a class, or an
            .npz file.
        filenames: of the explained images.
        class_names: of the labels; for a VOC folder, with a target and its negation.

    Returns:
        A truth for each validation image, by its name among `filenames`, in the order
        of the validation list.

    Raises:
        InputError: if the list is missing or broken, the classes are others, or a
            validation image was not explained.
    """
    if data_dir.suffix == ".npz":
        return _read_npz(data_dir, filenames, class_names)
    if (data_dir / "JPEGImages").is_dir():
        target = find_target(class_names)
        if target is None:
            raise InputError(
                f"The explanations are of the classes {', '.join(class_names)}; "
                f"expected one that {data_dir} annotates, and its negation."
            )
        places = [class_names.index(name) for name in (f"no {target}", target)]
        named = {Path(filename).stem: filename for filename in filenames}
        labels = _read_voc(data_dir, target)
        return {
            _find(name, named, data_dir): Truth(
                places[label], _loader(data_dir / "JPEGImages" / named[name])
            )
            for name, label in labels.items()
        }
    _, files, names = list_class_files(data_dir)
    places = _places(names, class_names, data_dir)
    # Explained were the files of the folder, or of the one with the validation images.
    named = {filename: filename for filename in filenames}
    root = data_dir
    if not any(path.relative_to(root).as_posix() in named for path, _ in files):
        root = files[0][0].parent.parent
    return {
        _find(path.relative_to(root).as_posix(), named, data_dir): Truth(
            places[label], _loader(path)
        )
        for path, label in files
    }


def check_classes(data_dir: Path, class_names: Sequence[str]) -> None:
    """Makes sure that a data set has the classes of what is reported.

    Args:
        data_dir: see `read_truths`.
        class_names: likewise.

    Raises:
        InputError: if it has a class that is none of them, or annotates no target.
    """
    if data_dir.suffix == ".npz":
        _places(read_npz(data_dir)[1].class_names, class_names, data_dir)
    elif (data_dir / "JPEGImages").is_dir():
        target = find_target(class_names)
        if target is None or not any(_read_voc(data_dir, target).values()):
            raise InputError(
                f"{data_dir} annotates no validation image as one of "
                f"{', '.join(class_names)}; expected the data set of what is reported."
            )
    else:
        _places(list_class_files(data_dir)[2], class_names, data_dir)


def _read_npz(
    path: Path, filenames: Sequence[str], class_names: Sequence[str]
) -> dict[str, Truth]:
    """Finds the test images, which are explained under their numbers."""
    _, test = read_npz(path)
    places = _places(test.class_names, class_names, path)
    named = {filename: filename for filename in filenames}
    return {
        _find(f"{i:06d}", named, path): Truth(
            places[test.labels[i]], partial(fit_image, test.images[i], 3)
        )
        for i in range(test.num_images)
    }


def _places(
    names: Sequence[str], class_names: Sequence[str], data_dir: Path
) -> list[int]:
    """Returns each class's place among the explained ones."""
    unknown = [name for name in names if name not in class_names]
    if unknown:
        raise InputError(
            f"{data_dir} has a class {unknown[0]!r}; expected one of "
            f"{', '.join(class_names)}, as what is reported."
        )
    return [class_names.index(name) for name in names]


def _loader(path: Path) -> Callable[[tuple[int, int]], np.ndarray]:
    return partial(read_image, path, 3)


def _find(name: str, named: Mapping[str, str], data_dir: Path) -> str:
    if name not in named:
        raise InputError(
            f"The explanations have no image {name}, which {data_dir} has for "
            "validation; expected explanations of its images."
        )
    return named[name]


def _read_voc(data_dir: Path, target: str) -> dict[str, int]:
    """Reads VOC's own list of a class, or else its annotations."""
    path = data_dir / "ImageSets" / "Main" / f"{target}_val.txt"
    if not path.exists():
        labels = read_labels(data_dir, "val", target)
        return {name: int(label) for name, label in labels.items()}
    truth_of = {}
    for line in read_lines(path):
        try:
            name, sign = line.rsplit(maxsplit=1)
            truth_of[name] = {"-1": 0, "0": 1, "1": 1}[sign]  # 0: there, but difficult
        except (ValueError, KeyError):
            raise InputError(
                f"{path} holds a bad line. Expected a name and 1, 0 or -1. "
                f"Received: {line}"
            ) from None
    return truth_of
