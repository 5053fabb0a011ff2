"""From a trained classifier and images to what one of its layers still knows."""

import csv
import dataclasses
import json
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.hashing import hash_arrays
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError, InputWarning
from keras_xai.folders import new_folder
from keras_xai.models.cloning import without_augmentation
from keras_xai.models.decoder import build_decoder
from keras_xai.models.image_classifier import build_image_classifier
from keras_xai.models.taps import build_encoder, keep_units
from keras_xai.training.codes import predict
from keras_xai.training.decoding import train_cladec, train_ref_ae
from keras_xai.training.decoding_config import DecodingConfig
from keras_xai.training.decoding_metrics import METRICS, measure_reconstructions
from keras_xai.training.runs import LogRow, describe_environment

NUM_CHECKED = 16  # images that a classifier and a layer are tried on
MAX_SCALE = 1 / 50  # from which a model's own rescaling is taken for one of bytes


def open_classifier(
    model: keras.Model,
    split: Split,
    *,
    input_range: tuple[float, float] = (0.0, 1.0),
    constants: Mapping[str, float] | None = None,
    from_logits: bool = False,
) -> keras.Model:
    """Turns a model into a classifier of a split's images, after trying it on some.

    Args:
        model: see `build_image_classifier`.
        split: images that the model should be able to classify.
        input_range: see `build_image_classifier`.
        constants: likewise.
        from_logits: likewise.

    Returns:
        A model from images in [0, 1] to probabilities, `without_augmentation`. Warns of
        a model that rescales what it takes for bytes, and is given the default range.

    Raises:
        InputError: if the images do not fit the model, or its outputs are no
            probabilities; with `from_logits`, if they are already.
    """
    if tuple(input_range) == (0, 1):
        _warn_of_bytes(model)
    try:
        classifier = build_image_classifier(
            without_augmentation(model),
            split.image_shape,
            input_range=input_range,
            constants=constants,
            from_logits=from_logits,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    images = split.images[:NUM_CHECKED]
    probs = predict(classifier, images)
    if probs.min() < 0 or not np.allclose(probs.sum(axis=1), 1, atol=1e-2):
        hint = "" if 0 <= probs.min() and probs.max() <= 1 else ", or --logits"
        raise InputError(
            f"The model's outputs are no probabilities; expected rows that sum to 1"
            f"{hint}. Received: a row that sums to {probs.sum(axis=1)[0]:.4g}"
        )
    if from_logits:
        outputs = predict(
            keras.Model(classifier.input, classifier.layers[-1].input), images
        )
        if outputs.min() >= 0 and outputs.max() <= 1:
            raise InputError(
                "The model's outputs are in [0, 1], as after a softmax or a sigmoid; "
                "expected logits, or no --logits. "
                f"Received: from {outputs.min():.4g} to {outputs.max():.4g}"
            )
    return classifier


def _warn_of_bytes(model: keras.Model) -> None:
    """Warns if the first layer makes small numbers of large ones."""
    first = next(
        (x for x in model.layers if not isinstance(x, keras.layers.InputLayer)), None
    )
    if (
        isinstance(first, keras.layers.Rescaling)
        and np.max(np.abs(first.scale)) <= MAX_SCALE
    ):
        warnings.warn(
            f"The model rescales its input by {np.max(first.scale):.3g} and is given "
            "images from 0 to 1; if it was trained on 0 to 255, it wants --input-range "
            "0 255.",
            InputWarning,
            stacklevel=3,
        )


def open_encoder(
    classifier: keras.Model,
    layer_name: str,
    split: Split,
    units: tuple[int, ...] | None = None,
) -> keras.Model:
    """Takes a classifier up to a layer, after making sure that it can be decoded.

    Args:
        classifier: from `open_classifier`.
        layer_name: the layer.
        split: images to try it on.
        units: positions on the code's last axis to keep, or None for all.

    Returns:
        A model from images in [0, 1] to the layer's output.

    Raises:
        InputError: if there is no such layer or unit, no gradient from the image
            reaches it, or its output is neither flat nor spatial.
    """
    try:
        encoder = build_encoder(classifier, layer_name)
        if units is not None:
            encoder = keep_units(encoder, units)
        build_decoder(encoder.output_shape[1:], split.image_shape)  # or says why not
    except ValueError as error:
        raise InputError(str(error)) from error
    images = tf.constant(scale_images(split.images[:NUM_CHECKED]))
    with tf.GradientTape() as tape:
        tape.watch(images)
        code = encoder(images, training=False)
    if not code.dtype.is_floating or tape.gradient(code, images) is None:
        raise InputError(
            "Invalid value for `layer_name`. Expected a layer with a gradient path "
            f"from the image. Received: layer_name={layer_name!r}"
        )
    return encoder


def decode_layer(
    classifiers: Mapping[str, keras.Model],
    layer_name: str,
    train: Split,
    test: Split,
    config: DecodingConfig,
    out_dir: Path,
    *,
    seed: int,
    units: tuple[int, ...] | None = None,
    ref_ae: bool = True,
    settings: Mapping[str, Any] | None = None,
    report: Callable[[str, LogRow], None] = lambda method, row: None,
    finish: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Decodes a layer of one classifier, or of several side by side.

    Writes reconstructions.npz (of the test images: `filename`, `label`, `prediction`
    of the first classifier, `image` uint8, and each method's reconstructions,
    `(num_images, height, width, channels)` float32 in [0, 1]), metrics.csv (method,
    metric, mean, sd, n), images.csv (a row an image), settings.json (of what the
    numbers depend on; the explained classifier by a hash of its weights) and for each
    method METHOD.keras, the trained autoencoder: from images in [0, 1] to their
    reconstructions. The folder appears when it is whole; memory does not grow with the
    number of test images.

    Args:
        classifiers: method name to a model from `open_classifier`; the first is the
            one to explain. RefAE and all metrics refer to it.
        layer_name: the layer, by the same name in all.
        train: images to train decoders on.
        test: images to reconstruct.
        config: the choices.
        out_dir: the folder to make.
        seed: of weights and batches.
        units: see `open_encoder`.
        ref_ae: whether to train RefAE too.
        settings: more to keep in settings.json.
        report: called with a method and each epoch's row.
        finish: called with the folder before it appears; may add files.

    Raises:
        InputError: if the layer cannot be decoded, the test images have another shape,
            a classifier other classes, or the folder is not empty or cannot be written.

    Reference:
        [IDA21] Sec. 2; Sec. 7 for units and for differences between networks.
    """
    if test.image_shape != train.image_shape:
        raise InputError(
            f"The test images have the shape {test.image_shape}; expected "
            f"{train.image_shape}, as the training images."
        )
    for classifier in classifiers.values():
        if classifier.output_shape[-1] != len(test.class_names):
            raise InputError(
                f"The data have {len(test.class_names)} classes; expected "
                f"{classifier.output_shape[-1]}, as the classifier: see "
                "`match_classes`."
            )
    encoders = {
        method: open_encoder(classifier, layer_name, train, units)
        for method, classifier in classifiers.items()
    }
    explained = next(iter(classifiers))
    classifier, encoder = classifiers[explained], encoders[explained]

    environment = describe_environment()  # of the code as it was started
    with (
        new_folder(out_dir) as part,  # before the trainings: can it be written?
        TemporaryDirectory(prefix=".decoding-", dir=part) as room,
    ):
        autoencoders = {}
        if ref_ae:
            autoencoders["ref_ae"] = train_ref_ae(
                encoder,
                train.images,
                config,
                seed=seed,
                report=partial(report, "ref_ae"),
            )
        for method in classifiers:
            autoencoders[method] = train_cladec(
                encoders[method],
                classifiers[method],
                train.images,
                train.labels,
                config,
                seed=seed,
                spill_dir=Path(room),
                report=partial(report, method),
            )
        reconstructions = {
            method: predict(
                autoencoder,
                test.images,
                out=np.lib.format.open_memmap(
                    Path(room) / f"{method}.npy", "w+", np.float32, test.images.shape
                ),
            )
            for method, autoencoder in autoencoders.items()
        }
        values = {
            method: measure_reconstructions(encoder, classifier, test, images)
            for method, images in reconstructions.items()
        }
        prediction = predict(classifier, test.images).argmax(axis=1).astype(np.int32)

        _write_reconstructions(
            part / "reconstructions.npz", test, prediction, reconstructions
        )
        _write_metrics(part / "metrics.csv", values, prediction == test.labels)
        _write_images(part / "images.csv", values, test, prediction)
        for method, autoencoder in autoencoders.items():
            autoencoder.save(part / f"{method}.keras")
        everything = {
            "classifier_hash": hash_arrays(classifier.get_weights()),
            "layer": layer_name,
            "code_shape": encoder.output_shape[1:],
            "units": units,
            "methods": list(reconstructions),
            "seed": seed,
            "num_train": train.num_images,
            "num_test": test.num_images,
            "class_names": test.class_names,
            "config": dataclasses.asdict(config),
            "environment": environment,
            **(settings or {}),
        }
        (part / "settings.json").write_text(json.dumps(everything, indent=2) + "\n")
        finish(part)


def _write_reconstructions(
    path: Path, test: Split, prediction: np.ndarray, reconstructions: dict[str, Any]
) -> None:
    np.savez(
        path,
        filename=np.array(test.filenames),
        label=test.labels,
        prediction=prediction,
        image=test.images,
        **reconstructions,
    )


def _write_metrics(
    path: Path, values: Mapping[str, Mapping[str, np.ndarray]], is_right: np.ndarray
) -> None:
    """Writes the mean over images of each metric; `original` is the image itself."""
    rows = [("original", "accuracy", is_right)]
    for method, metrics in values.items():
        rows += [(method, name, metrics[name]) for name in METRICS]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "metric", "mean", "sd", "n"])
        for method, name, per_image in rows:
            numbers = np.asarray(per_image, np.float64)
            sd = numbers.std(ddof=1) if len(numbers) > 1 else 0.0
            writer.writerow(
                [method, name, f"{numbers.mean():.6g}", f"{sd:.6g}", len(numbers)]
            )


def _write_images(
    path: Path,
    values: Mapping[str, Mapping[str, np.ndarray]],
    split: Split,
    prediction: np.ndarray,
) -> None:
    """Writes what the classifier says of each image and of its reconstructions."""
    columns = ("prediction", "squared_error", "ssim")
    names = [f"{method}_{column}" for method in values for column in columns]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "label", "prediction", *names])
        for i, filename in enumerate(split.filenames):
            numbers = [values[m][c][i] for m in values for c in columns]
            writer.writerow(
                [
                    filename,
                    split.labels[i],
                    prediction[i],
                    *(f"{number:.6g}" for number in numbers),
                ]
            )
