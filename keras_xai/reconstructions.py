"""From a decoded layer and images to what the layer still knows of them, on disk."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.hashing import hash_arrays
from keras_xai.datasets.images import write_png
from keras_xai.errors import InputError
from keras_xai.evaluation.reconstruction import squared_error
from keras_xai.report.files import read_json
from keras_xai.report.image_grids import draw_image_grid
from keras_xai.saved_models import load_model

NUM_COLUMNS = 8  # of reconstructions.png
LABELS = {"ref_ae": "RefAE", "cladec": "ClaDec"}


class DecodedLayer(NamedTuple):
    """What `decode` learned of a classifier's layer.

    Attributes:
        settings: settings.json of its folder.
        autoencoders: `cladec`, and `ref_ae` before it if it was trained: models from
            images in [0, 1] to their reconstructions.
    """

    settings: dict[str, Any]
    autoencoders: dict[str, keras.Model]


class Judged(NamedTuple):
    """How far the reconstructions are from the images, and what is seen in them.

    Attributes:
        squared_error: `(num_images,)` float64, summed over pixels of values in [0, 1].
        prediction: `(num_images,)` int, the class of each reconstruction.
    """

    squared_error: np.ndarray
    prediction: np.ndarray


def open_decoded(
    folder: Path,
    classifier: keras.Model,
    image_shape: tuple[int, int, int],
    options: Mapping[str, Any],
) -> DecodedLayer:
    """Loads what `decode` kept, after making sure that it belongs to a classifier.

    Args:
        folder: of `decode`.
        classifier: to explain, from `open_classifier`.
        image_shape: `(height, width, channels)` of the images to explain.
        options: how the classifier was opened: `input_range` and `logits`.

    Raises:
        InputError: if the folder is none of `decode`, keeps no ClaDec, is of another
            classifier or of one opened otherwise, or takes images of another size.
    """
    path = folder / "settings.json"
    settings = read_json(path, "decode")
    for name in ("layer", "code_shape", "methods", "config"):
        if name not in settings:
            raise InputError(f"{path} lacks `{name}`; expected a file of `decode`.")
    kept = folder / "cladec.keras"
    if not kept.exists():
        raise InputError(
            f"{kept} does not exist; expected the decoder that `decode` trained: run "
            "`keras-xai decode` again."
        )
    found = hash_arrays(classifier.get_weights())
    if settings.get("classifier_hash") != found:
        raise InputError(
            f"{folder} was decoded from another model; expected one whose weights have "
            f"the hash {found}. Received: {settings.get('classifier_hash')}, of "
            f"{settings.get('model', 'an unnamed one')}"
        )
    for name, value in options.items():
        if settings.get(name, value) != value:
            raise InputError(
                f"Invalid value for `{name}`. Expected {settings[name]}, as {folder} "
                f"was decoded with. Received: {name}={value}"
            )
    autoencoders = {
        method: load_model(folder / f"{method}.keras")
        for method in LABELS
        if method in settings["methods"]
    }
    for autoencoder in autoencoders.values():
        height, width, num_channels = autoencoder.input_shape[1:]
        if (height, width, num_channels) != image_shape:
            raise InputError(
                f"{folder} was decoded from images of {width}×{height} pixels and "
                f"{num_channels} channels; expected the same to explain. Received: "
                f"{image_shape[1]}×{image_shape[0]} pixels, {image_shape[2]} channels"
            )
    return DecodedLayer(settings, autoencoders)


def write_reconstructions(
    decoded: DecodedLayer,
    classifier: keras.Model,
    images: np.ndarray,
    filenames: Sequence[str],
    out_dir: Path,
    *,
    batch_size: int = 32,
    report: Callable[[int], None] = lambda num_images: None,
) -> dict[str, Judged]:
    """Shows what a layer still knows of each image; memory does not grow with them.

    Writes cladec/cladec.npz and, if RefAE was trained, ref_ae/ref_ae.npz:
    `reconstruction`, float32 `(num_images, height, width, channels)` in [0, 1];
    `squared_error`, float32 `(num_images,)`, summed over pixels and channels; `probs`,
    float32 `(num_images, num_classes)`, what the classifier says of the reconstruction;
    and `filename`. Beside them is a PNG for each image in reconstructions/;
    reconstructions.png shows the first images above theirs.

    Args:
        decoded: from `open_decoded`.
        classifier: the explained one.
        images: `(num_images, height, width, channels)` uint8; may be a memory map.
        filenames: one an image.
        out_dir: a folder that is there.
        batch_size: images in memory at a time.
        report: called with the number of images done.

    Returns:
        By method, `ref_ae` and `cladec`.

    Reference:
        [IDA21] Sec. 2.
    """
    num_images, num_classes = len(images), classifier.output_shape[-1]
    judged = {
        method: Judged(np.empty(num_images), np.empty(num_images, np.intp))
        for method in decoded.autoencoders
    }
    for method in judged:
        (out_dir / method).mkdir()
    with tempfile.TemporaryDirectory(prefix=".cladec-", dir=out_dir) as room:

        def allocate(name: str, shape: tuple[int, ...]) -> np.ndarray:
            path = Path(room) / f"{name}.npy"
            return np.lib.format.open_memmap(
                path, "w+", np.float32, (num_images, *shape)
            )

        pixels = {m: allocate(m, images.shape[1:]) for m in judged}
        probs = {m: allocate(f"{m}_probs", (num_classes,)) for m in judged}
        for start in range(0, num_images, batch_size):
            batch = slice(start, min(start + batch_size, num_images))
            originals = scale_images(images[batch])
            for method, autoencoder in decoded.autoencoders.items():
                made = autoencoder.predict_on_batch(originals)
                seen = classifier.predict_on_batch(made)
                pixels[method][batch], probs[method][batch] = made, seen
                judged[method].squared_error[batch] = squared_error(originals, made)
                judged[method].prediction[batch] = seen.argmax(axis=1)
                pictures = out_dir / method / "reconstructions"
                for name, image in zip(filenames[batch], _to_uint8(made), strict=True):
                    write_png(pictures / f"{name}.png", image)
            report(batch.stop)
        for method in judged:
            np.savez(
                out_dir / method / f"{method}.npz",
                reconstruction=pixels[method],
                squared_error=judged[method].squared_error.astype(np.float32),
                probs=probs[method],
                filename=np.array(filenames),
            )
        rows = {"original": images[:NUM_COLUMNS]} | {
            LABELS[m]: _to_uint8(pixels[m][:NUM_COLUMNS]) for m in judged
        }
        draw_image_grid(
            rows,
            out_dir / "reconstructions.png",
            title=f"What layer {decoded.settings['layer']} still knows",
        )
    return judged


def _to_uint8(images: np.ndarray) -> np.ndarray:
    return np.rint(images * 255).astype(np.uint8)
