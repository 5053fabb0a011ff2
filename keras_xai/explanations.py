"""From a joint model and images to masks, labels and probabilities on disk."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import matplotlib
import numpy as np

from keras_xai.datasets.collection import Collection
from keras_xai.datasets.images import write_png
from keras_xai.errors import InputError
from keras_xai.folders import new_folder
from keras_xai.saved_models import load_model

THRESHOLD = 0.75  # [IbPRIA19] Sec. 3: an absolute threshold on the mask
OVERLAY_WEIGHT = 0.6  # of the mask's colours in an overlay


def load_joint(run_dir: Path) -> tuple[keras.Model, tuple[str, ...]]:
    """Loads a finished run's model and its class names.

    Raises:
        InputError: if the folder holds no finished run, or a broken one.
    """
    path = run_dir / "model.keras"
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a finished run of `train`.")
    model, config_path = load_model(path), run_dir / "config.json"
    try:
        return model, tuple(json.loads(config_path.read_text())["class_names"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{config_path} is broken; expected that of a run of `train`. Received: "
            f"{error}"
        ) from None


def explain_images(
    joint: keras.Model,
    class_names: Sequence[str],
    images: Collection,
    out_dir: Path,
    *,
    batch_size: int = 32,
    report: Callable[[int], None] = lambda num_images: None,
) -> None:
    """Explains images; memory does not grow with the number of files.

    Writes masks.npz (`mask`, float32 `(num_images, height, width)`, and `filename`),
    predictions.csv (filename, label, one probability a class), and for each image a
    PNG in masks/ (viridis from 0 to 1), overlays/ and thresholded/ (mask > 0.75), in
    the folders that are in its filename. The folder appears when it is whole.

    Args:
        joint: a model from `build_joint`. Images are resized to its input.
        class_names: one a class.
        images: from `open_images`.
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
    filenames = images.filenames
    with new_folder(out_dir) as part:
        mask_path = part / "mask.npy"
        masks = np.lib.format.open_memmap(
            mask_path, "w+", np.float32, (len(filenames), height, width)
        )
        with (part / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["filename", "label", *class_names])
            for start in range(0, len(filenames), batch_size):
                batch = range(start, min(start + batch_size, len(filenames)))
                pixels = np.stack(
                    [images.load(i, num_channels, (height, width)) for i in batch]
                )
                outputs = joint.predict_on_batch(pixels)
                masks[batch.start : batch.stop] = outputs["mask"][..., 0]
                for i, image, probs in zip(
                    batch, pixels, outputs["probs"], strict=True
                ):
                    label = class_names[int(probs.argmax())]
                    writer.writerow([filenames[i], label, *(f"{p:.6f}" for p in probs)])
                    _write_pictures(part, filenames[i], image, masks[i])
                report(batch.stop)
        np.savez(part / "masks.npz", mask=masks, filename=np.array(filenames))
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
    return np.rint(blend).astype(np.uint8)


def _write_pictures(
    folder: Path, name: str, image: np.ndarray, mask: np.ndarray
) -> None:
    pictures = {
        "masks": colour_mask(mask),
        "overlays": overlay_mask(image, mask),
        "thresholded": colour_mask((mask > THRESHOLD).astype(np.float32)),
    }
    for kind, rgb in pictures.items():
        write_png(folder / kind / f"{name}.png", rgb)
