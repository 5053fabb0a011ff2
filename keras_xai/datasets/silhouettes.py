"""Silhouettes of the objects whose shape cue-conflict images have."""

from pathlib import Path

import numpy as np

from keras_xai.datasets.cue_conflict import NAME
from keras_xai.datasets.images import read_image
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError


def read_silhouettes(folder: Path, split: Split) -> np.ndarray:
    """Reads where the object is in each cue-conflict image.

    Args:
        folder: one folder a shape class; SHAPEi.png is black on white, the silhouette
            of all SHAPEi-TEXTUREj.
        split: as from `read_cue_conflict`.

    Returns:
        `(num_images, height, width)` bool, of the images' size.

    Raises:
        InputError: if a silhouette is missing or broken, or a name has another form.

    Reference:
        Geirhos et al., ICLR 2019: filled silhouettes.
    """
    silhouettes: dict[Path, np.ndarray] = {}
    regions = np.zeros(split.images.shape[:3], bool)
    for region, filename in zip(regions, split.filenames, strict=True):
        match = NAME.fullmatch(Path(filename).stem)
        if match is None:
            raise InputError(
                f"{filename} has no name of a cue-conflict image; expected "
                "SHAPEi-TEXTUREj."
            )
        path = folder / match[1] / f"{match[1]}{match[2]}.png"
        if path not in silhouettes:
            size = (split.image_shape[0], split.image_shape[1])
            silhouettes[path] = read_image(path, 1, size)[..., 0] < 128
        region[:] = silhouettes[path]
    return regions
