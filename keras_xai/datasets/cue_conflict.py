"""Cue-conflict images: the shape of one object, the texture of another."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from keras_xai.datasets.classification import read_files
from keras_xai.datasets.images import list_folders, list_images
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError

NAME = re.compile(
    r"([a-z]+)(\d+)-([a-z]+)(\d+)"
)  # shape, its image, texture, its image
VALIDATION_EVERY = 5  # content images, or images


def read_cue_conflict(
    folder: Path,
    *,
    size: tuple[int, int],
    split_by: Literal["content", "image"] = "content",
    seed: int = 0,
) -> tuple[Split, Split]:
    """Reads cue-conflict images labelled by their shape.

    A content image, such as car1, comes with several textures. Split by content, all of
    them are on one side; split by image, as if they were independent, a classifier may
    know a validation image's shape from training.

    Args:
        folder: one folder a shape class; files named SHAPEi-TEXTUREj.
        size: `(height, width)` to resize to.
        split_by: what is drawn at random: a fifth of each class' content images, or a
            fifth of its images.
        seed: of the draw.

    Returns:
        Training and validation split; `textures_of` tells the other cue.

    Raises:
        InputError: if the folder or a file is missing or broken, a name has another
            form, or a class has too few contents to split.

    Reference:
        Geirhos et al., ICLR 2019; [IbPRIA19] Sec. 2.4.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist; expected a folder a shape class.")
    class_names = [path.name for path in list_folders(folder)]
    rng = np.random.default_rng(seed)
    chosen: dict[bool, list[tuple[Path, int]]] = {False: [], True: []}
    for label, name in enumerate(class_names):
        paths = list_images(folder / name)
        matches = [_match(path, class_names) for path in paths]
        for path, match in zip(paths, matches, strict=True):
            if match[1] != name:
                raise InputError(
                    f"{path} shows the shape '{match[1]}' by its name; expected "
                    f"'{name}', as its folder."
                )
        contents = sorted({match[2] for match in matches}, key=int)
        units = contents if split_by == "content" else paths
        held_out = len(units) // VALIDATION_EVERY
        if not held_out:
            raise InputError(
                f"{folder / name} has {len(units)} content images; expected at least "
                f"{VALIDATION_EVERY}."
            )
        drawn = {units[i] for i in rng.permutation(len(units))[:held_out]}
        for path, match in zip(paths, matches, strict=True):
            unit = match[2] if split_by == "content" else path
            chosen[unit in drawn].append((path, label))
    if len(class_names) < 2:
        raise InputError(
            f"{folder} has {len(class_names)} folders; expected at least 2, one a "
            "shape class."
        )
    train, validation = (
        read_files(chosen[is_validation], class_names, size, 3)
        for is_validation in (False, True)
    )
    return train, validation


def textures_of(split: Split) -> np.ndarray:
    """Tells the class of each image's texture.

    Args:
        split: as from `read_cue_conflict`.

    Returns:
        `(num_images,)` int32, as indices of `class_names`.
    """
    names = [_match(Path(name), split.class_names)[3] for name in split.filenames]
    return np.array([split.class_names.index(name) for name in names], np.int32)


def _match(path: Path, class_names: Sequence[str]) -> re.Match:
    match = NAME.fullmatch(path.stem)
    if match is None or not {match[1], match[3]} <= set(class_names):
        raise InputError(
            f"{path} has no name of a cue-conflict image; expected SHAPEi-TEXTUREj "
            f"with classes among {', '.join(class_names)}."
        )
    return match
