"""From a joint model and images to masks, labels and probabilities on disk."""

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import cv2
import keras
import matplotlib
import numpy as np

from keras_xai.datasets.images import read_image
from keras_xai.errors import InputError
from keras_xai.folders import new_folder

THRESHOLD = 0.75  # [IbPRIA19] Sec. 3: an absolute threshold on the mask
OVERLAY_WEIGHT = 0.6  # of the mask's colours in an overlay


def load_joint(run_dir: Path) -> tuple[keras.Model, tuple[str, ...]]:
    """Loads a finished run's model and its class names.

    Raises:
        InputError: if the folder holds no finished run.
    """
    path = run_dir / "model.keras"
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a finished run of `train`.")
    settings = json.loads((run_dir / "config.json").read_text())
    return keras.models.load_model(path), tuple(settings["class_names"])


def explain_files(
    joint: keras.Model,
    class_names: Sequence[str],
    paths: Sequence[Path],
    out_dir: Path,
    *,
    batch_size: int = 32,
    report: Callable[[int], None] = lambda num_images: None,
) -> None:
    """Explains image files; memory does not grow with their number.

    Writes masks.npz (`mask`, float32 `(num_images, height, width)`, and `filename`),
    predictions.csv (filename, label, one probability a class), and for each image a
    PNG in masks/ (viridis from 0 to 1), overlays/ and thresholded/ (mask > 0.75).
    The folder appears when it is whole.

    Args:
        joint: a model from `build_joint`. Images are resized to its input.
        class_names: one a class.
        paths: the image files.
        out_dir: the folder to make.
        batch_size: images in memory at a time.
        report: called with the number of images done.

    Raises:
        InputError: if an image cannot be read, the folder exists and is not empty, or
            `batch_size` is below 1.
    """
    if batch_size < 1:
        raise InputError(
            "Invalid value for `batch_size`. Expected at least 1. "
            f"Received: batch_size={batch_size}"
        )
    height, width, num_channels = joint.input_shape[1:]
    with new_folder(out_dir) as part:
        for folder in ("masks", "overlays", "thresholded"):
            (part / folder).mkdir()
        mask_path = part / "mask.npy"
        masks = np.lib.format.open_memmap(
            mask_path, "w+", np.float32, (len(paths), height, width)
        )
        with (part / "predictions.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["filename", "label", *class_names])
            done = 0
            for batch in _batched(paths, batch_size):
                images = np.stack(
                    [read_image(path, num_channels, (height, width)) for path in batch]
                )
                outputs = joint.predict_on_batch(images)
                masks[done : done + len(batch)] = outputs["mask"][..., 0]
                for path, image, mask, probs in zip(
                    batch,
                    images,
                    outputs["mask"][..., 0],
                    outputs["probs"],
                    strict=True,
                ):
                    label = class_names[int(probs.argmax())]
                    writer.writerow([path.name, label, *(f"{p:.6f}" for p in probs)])
                    _write_pictures(part, path.name, image, mask)
                done += len(batch)
                report(done)
        masks.flush()
        _write_npz(part / "masks.npz", mask_path, paths)
        mask_path.unlink()


def colour_mask(mask: np.ndarray) -> np.ndarray:
    """Colours a mask with viridis, 0 being purple and 1 yellow.

    Args:
        mask: `(height, width)` float in [0, 1]; values are not stretched.

    Returns:
        `(height, width, 3)` uint8 RGB.
    """
    colours = matplotlib.colormaps["viridis"](np.clip(mask, 0, 1), bytes=True)
    return colours[..., :3]


def overlay_mask(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Lays the coloured mask over its image.

    Args:
        image: `(height, width, channels)` uint8.
        mask: `(height, width)` float in [0, 1].

    Returns:
        `(height, width, 3)` uint8 RGB.
    """
    rgb = np.broadcast_to(image, (*image.shape[:2], 3))
    blend = OVERLAY_WEIGHT * colour_mask(mask) + (1 - OVERLAY_WEIGHT) * rgb
    return blend.astype(np.uint8)


def _write_pictures(
    folder: Path, name: str, image: np.ndarray, mask: np.ndarray
) -> None:
    pictures = {
        "masks": colour_mask(mask),
        "overlays": overlay_mask(image, mask),
        "thresholded": colour_mask((mask > THRESHOLD).astype(np.float32)),
    }
    for kind, rgb in pictures.items():
        _, png = cv2.imencode(".png", rgb[..., ::-1])
        (folder / kind / f"{name}.png").write_bytes(png.tobytes())


def _write_npz(path: Path, mask_path: Path, image_paths: Sequence[Path]) -> None:
    filenames = np.array([p.name for p in image_paths])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.write(mask_path, "mask.npy")
        with archive.open("filename.npy", "w") as file:
            np.lib.format.write_array(file, filenames)


def _batched(paths: Sequence[Path], size: int) -> Iterator[tuple[Path, ...]]:
    iterator = iter(paths)
    while batch := tuple(islice(iterator, size)):
        yield batch
