"""One door for every form of data set: it looks what a path holds."""

from pathlib import Path

from keras_xai.datasets.classification import read_classification
from keras_xai.datasets.split import Split
from keras_xai.datasets.voc import read_voc
from keras_xai.errors import InputError


def is_voc(path: Path) -> bool:
    """Whether a folder is in VOC's layout, perhaps without its lists of images."""
    return any((path / name).is_dir() for name in ("ImageSets", "Annotations"))


def read_splits(
    path: Path,
    *,
    target: str | None = None,
    size: tuple[int, int] | None = None,
    num_channels: int = 3,
) -> tuple[Split, Split]:
    """Reads a data set's training and validation images.

    Args:
        path: a folder in VOC layout, or any of the forms of `read_classification`.
        target: the class to find in a VOC folder; see `read_voc`.
        size: `(height, width)` to resize to, or None for the files' own.
        num_channels: 1 or 3, of image files; see `read_classification`.

    Returns:
        Training and validation split; that of a VOC folder has annotations.

    Raises:
        InputError: if the path has none of these forms, a file is broken, or a target
            is named for another form than VOC's.
    """
    if is_voc(path):
        train, validation = (
            read_voc(path, subset, target=target, size=size, num_channels=num_channels)
            for subset in ("train", "val")
        )
        return train, validation
    if target is not None and path.exists():
        raise InputError(
            f"Invalid value for `target`. It is for a folder in VOC layout, and {path} "
            f"is none. Received: target={target}"
        )
    return read_classification(path, size=size, num_channels=num_channels)
