"""Public image sets and folders of classes, read as training and test splits."""

import csv
import lzma
import tarfile
import tempfile
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from keras_xai.datasets.allocate import allocate
from keras_xai.datasets.arrays import read_npz
from keras_xai.datasets.idx import read_idx
from keras_xai.datasets.images import (
    fit_image,
    list_folders,
    list_images,
    read_image,
)
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError, InputWarning

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DIGITS = tuple("0123456789")
OTHER_FOLDERS = (
    Path("/usr/share/datasets"),  # of Debian's package dataset-fashion-mnist
    Path.home() / ".keras" / "datasets",  # of keras.datasets.fashion_mnist.load_data
)
TINY_IMAGENET = "tiny-imagenet-200"
TEST_FOLDERS = ("val", "valid", "validation", "test")  # the first that is there
TEST_EVERY = 5  # images, where a folder has no test set of its own

Splits = tuple[Split, Split]


def find_dataset(name: str, folder: Path) -> Path:
    """Finds a data set: in the given folder, or where others put theirs.

    Args:
        name: such as fashion-mnist.
        folder: where data sets are kept.

    Returns:
        A folder, or an .npz file such as Keras' mnist.npz, for `read_classification`.

    Raises:
        InputError: if there is none.
    """
    roots = (folder, *OTHER_FOLDERS)
    for root in roots:
        if (root / name).is_dir():
            return root / name
        if (root / f"{name}.npz").is_file():
            return root / f"{name}.npz"
    raise InputError(
        f"The data set {name} is not there; expected a folder {name}, or {name}.npz, "
        f"in one of {', '.join(map(str, roots))}."
    )


def read_classification(
    folder: Path, *, size: tuple[int, int] | None = None, num_channels: int = 3
) -> Splits:
    """Reads a folder of labelled images in any of the forms known here.

    - Four gzipped idx files: MNIST and Fashion-MNIST, always of one channel.
    - TinyImageNet, as its archives (`*.tar*`) or extracted: its validation images of
      the classes that have training images are the test set.
    - An .npz file: see `read_npz`.
    - One folder of images a class, perhaps inside train/ and test/ (or val/). Without
      a test set, every fifth image is in it.

    Args:
        folder: the folder.
        size: `(height, width)` to resize to, bilinearly, or None for the files' own.
            The paper scales 28x28 to 32x32 and does not say how.
        num_channels: 1 or 3; files other than idx are converted.

    Returns:
        Training and test split.

    Raises:
        InputError: if the folder has none of these forms, a file is broken, a label is
            out of range, or images differ in size.
    """
    if folder.suffix == ".npz" or is_idx_set(folder):
        train, test = (read_npz if folder.suffix == ".npz" else _read_idx_set)(folder)
        if size is not None:
            train, test = _resize(train, size), _resize(test, size)
        return train, test
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist; expected a folder of images.")
    if sorted(folder.glob("tiny-imagenet*.tar*")):
        return _read_archives(folder, size, num_channels)
    for root in (folder, folder / TINY_IMAGENET):
        if (root / "val" / "val_annotations.txt").exists():
            return _read_tiny_imagenet(root, size, num_channels, folder)
    return _read_class_folders(folder, size, num_channels)


def is_idx_set(folder: Path) -> bool:
    """Whether a folder holds idx files: MNIST, Fashion-MNIST and their like."""
    return (folder / "train-images-idx3-ubyte.gz").exists()


def _read_idx_set(folder: Path) -> Splits:
    names = FASHION_CLASSES if "fashion" in folder.resolve().name else DIGITS
    return _read_idx_split(folder, "train", names), _read_idx_split(
        folder, "t10k", names
    )


def _read_idx_split(folder: Path, prefix: str, class_names: Sequence[str]) -> Split:
    images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz", 3)
    path = folder / f"{prefix}-labels-idx1-ubyte.gz"
    labels = read_idx(path, 1)
    if len(labels) != len(images):
        raise InputError(
            f"{path} has {len(labels)} labels; expected {len(images)}, one an image."
        )
    if len(labels) == 0 or labels.max() >= len(class_names):
        raise InputError(
            f"{path} has a label out of range; expected 0 to {len(class_names) - 1}. "
            f"Received: {labels.max(initial=0)} among {len(labels)}"
        )
    filenames = tuple(f"{prefix}-{i:05d}" for i in range(len(images)))
    return Split(
        images[..., None], labels.astype(np.int32), None, filenames, tuple(class_names)
    )


def _resize(split: Split, size: tuple[int, int]) -> Split:
    """Resizes images bilinearly."""
    height, width, num_channels = split.image_shape
    if (height, width) == size:
        return split
    images = allocate((split.num_images, *size, num_channels))
    for i, image in enumerate(split.images):
        images[i] = fit_image(image, num_channels, size)
    return split._replace(images=images)


def _read_archives(
    folder: Path, size: tuple[int, int] | None, num_channels: int
) -> Splits:
    with tempfile.TemporaryDirectory() as room:
        for path in sorted(folder.glob("tiny-imagenet*.tar*")):
            try:
                with tarfile.open(path) as archive:
                    archive.extractall(room, filter="data")
            except (
                tarfile.TarError,
                lzma.LZMAError,
                zlib.error,
                EOFError,
                OSError,
            ) as error:
                raise InputError(
                    f"{path} cannot be extracted; expected a whole archive. "
                    f"Received: {error}"
                ) from None
        root = Path(room) / TINY_IMAGENET
        if not (root / "val" / "val_annotations.txt").exists():
            raise InputError(
                f"{folder} has archives without {TINY_IMAGENET}/val; expected those "
                "of TinyImageNet."
            )
        return _read_tiny_imagenet(root, size, num_channels, folder)


def _read_tiny_imagenet(
    root: Path, size: tuple[int, int] | None, num_channels: int, names_folder: Path
) -> Splits:
    train_dir = root / "train"
    if not train_dir.is_dir():
        raise InputError(f"{train_dir} does not exist; expected TinyImageNet's.")
    wnids = [path.name for path in list_folders(train_dir)]
    index_of = {wnid: index for index, wnid in enumerate(wnids)}
    train = [
        (path, index)
        for wnid, index in index_of.items()
        for path in list_images(train_dir / wnid / "images")
    ]
    test = [
        (root / "val" / "images" / filename, index_of[wnid])
        for filename, wnid in _read_val_annotations(root / "val")
        if wnid in index_of
    ]
    names = _read_class_names(names_folder / "classes.tsv")
    class_names = [names.get(wnid, wnid) for wnid in wnids]
    return (
        read_files(train, class_names, size, num_channels),
        read_files(test, class_names, size, num_channels),
    )


def _read_val_annotations(folder: Path) -> Iterator[tuple[str, str]]:
    """Reads TinyImageNet's list of validation images: filename and class."""
    path = folder / "val_annotations.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8: {error}.") from None
    for line in filter(str.strip, lines):
        filename, *columns = line.split("\t")
        if not columns:
            raise InputError(
                f"{path} holds a bad line; expected a filename, a tab and a class. "
                f"Received: {line}"
            )
        yield filename, columns[0]


def _read_class_names(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {
            row["wnid"]: row["name"] for row in csv.DictReader(file, delimiter="\t")
        }


def _read_class_folders(
    folder: Path, size: tuple[int, int] | None, num_channels: int
) -> Splits:
    train, test, class_names = list_class_files(folder)
    return (
        read_files(train, class_names, size, num_channels),
        read_files(test, class_names, size, num_channels),
    )


def list_class_files(
    folder: Path,
) -> tuple[list[tuple[Path, int]], list[tuple[Path, int]], list[str]]:
    """Lists the image files of class folders; none is opened.

    Args:
        folder: holds one folder of images a class, perhaps inside train/ and test/ (or
            val/). Without a test set, every fifth image is in it.

    Returns:
        Paths and labels of the training images and of the test images; class names.

    Raises:
        InputError: if there are fewer than two classes, or no test image.
    """
    train_dir = folder / "train"
    if not train_dir.is_dir() or not list_folders(train_dir):  # or a class of trains
        train_dir = folder
    test_dirs = [folder / name for name in TEST_FOLDERS if (folder / name).is_dir()]
    class_names = [path.name for path in list_folders(train_dir)]
    if len(class_names) < 2:
        raise InputError(
            f"{train_dir} has {len(class_names)} folders of images; expected at least "
            "2, one a class."
        )
    train = _list_class_folders(train_dir, class_names)
    if train_dir != folder and test_dirs:
        _warn_of_other_classes(test_dirs[0], class_names)
        test = _list_class_folders(test_dirs[0], class_names)
    else:
        test = train[TEST_EVERY - 1 :: TEST_EVERY]
        train = [file for i, file in enumerate(train) if (i + 1) % TEST_EVERY]
    if not test:
        raise InputError(
            f"{folder} has {len(train)} images; expected at least {TEST_EVERY}."
        )
    return train, test, class_names


def _warn_of_other_classes(folder: Path, class_names: Sequence[str]) -> None:
    others = {path.name for path in list_folders(folder)} - set(class_names)
    if others:
        warnings.warn(
            f"{folder} has classes that train/ has not, which are left out: "
            f"{', '.join(sorted(others))}.",
            InputWarning,
            stacklevel=4,
        )


def _list_class_folders(
    folder: Path, class_names: Sequence[str]
) -> list[tuple[Path, int]]:
    return [
        (path, index)
        for index, name in enumerate(class_names)
        for path in list_images(folder / name)
    ]


def read_files(
    files: Sequence[tuple[Path, int]],
    class_names: Sequence[str],
    size: tuple[int, int] | None,
    num_channels: int,
) -> Split:
    """Reads labelled image files.

    Args:
        files: paths and labels.
        class_names: one a class.
        size: `(height, width)` to resize to, or None for the files' own.
        num_channels: 1 or 3.

    Returns:
        A split without annotations.

    Raises:
        InputError: if there is no file, one cannot be read, or images differ in size.
    """
    if not files:
        raise InputError(
            f"There is no image of the classes {', '.join(class_names) or '(none)'}; "
            "expected at least one file."
        )
    for index, (path, _) in enumerate(files):
        image = read_image(path, num_channels, size)
        if index == 0:
            images = allocate((len(files), *image.shape))
        if image.shape != images.shape[1:]:
            raise InputError(
                f"{path} has shape {image.shape}; expected {images.shape[1:]}, as the "
                "images before it, unless all are resized (--size, or decode's "
                "--resize)."
            )
        images[index] = image
    return Split(
        images,
        np.array([label for _, label in files], np.int32),
        None,
        tuple(path.name for path, _ in files),
        tuple(class_names),
    )
