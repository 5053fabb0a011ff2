"""The true labels of explained images, from the data set they are of."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from keras_xai.datasets.classification import list_class_files
from keras_xai.datasets.voc import read_labels, read_lines
from keras_xai.errors import InputError


class Truth(NamedTuple):
    """What the data set knows of an explained image: its file and its label."""

    path: Path
    label: int


def read_truths(
    data_dir: Path, filenames: Sequence[str], class_names: Sequence[str]
) -> dict[str, Truth]:
    """Finds the validation images among explained ones, and their true labels.

    Args:
        data_dir: the data set, in VOC layout or with one folder of images a class.
        filenames: of the explained images.
        class_names: of the labels; those of a VOC folder are without and with the
            target.

    Returns:
        A truth for each validation image, by its name among `filenames`, in the order
        of the validation list.

    Raises:
        InputError: if the list is missing or broken, the classes are others, or a
            validation image was not explained.
    """
    if (data_dir / "JPEGImages").is_dir():
        named = {Path(filename).stem: filename for filename in filenames}
        labels = _read_voc(data_dir, class_names[1])
        return {
            _find(name, named, data_dir): Truth(
                data_dir / "JPEGImages" / named[name], label
            )
            for name, label in labels.items()
        }
    _, files, names = list_class_files(data_dir)
    if names != list(class_names):
        raise InputError(
            f"{data_dir} has the classes {', '.join(names)}; expected "
            f"{', '.join(class_names)}, as the explanations."
        )
    # Explained were the files of the folder, or of one of the folders inside it.
    named = {"/".join(Path(name).parts[-2:]): name for name in filenames}
    named |= {name: name for name in filenames}
    truths = {}
    for path, label in files:
        whole = path.relative_to(data_dir).as_posix()
        name = whole if whole in named else "/".join(path.parts[-2:])
        truths[_find(name, named, data_dir)] = Truth(path, label)
    return truths


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
