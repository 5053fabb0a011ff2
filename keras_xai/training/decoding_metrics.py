"""Measures reconstructions by the classifier that they explain."""

import keras
import numpy as np

from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.split import Split
from keras_xai.evaluation.reconstruction import (
    agreement,
    cosine,
    cross_entropy,
    squared_error,
)
from keras_xai.evaluation.structural_similarity import ssim
from keras_xai.training.codes import chunks, predict

METRICS = (
    "squared_error",
    "ssim",
    "feature_cosine",
    "agreement",
    "accuracy",
    "cross_entropy",
)


def measure_reconstructions(
    encoder: keras.Model,
    classifier: keras.Model,
    split: Split,
    reconstructions: np.ndarray,
) -> dict[str, np.ndarray]:
    """Measures each reconstruction against its image.

    Args:
        encoder: the classifier up to the explained layer.
        classifier: from images in [0, 1] to probabilities.
        split: the images.
        reconstructions: `(num_images, height, width, channels)` float32 in [0, 1]; may
            be a memory map.

    Returns:
        One value an image for each of `METRICS`: summed squared error; SSIM; cosine
        between the layer's activations on image and reconstruction; whether the
        classifier says the same of both; whether it is right about the reconstruction,
        and its cross-entropy there. Besides `prediction`, the class that it names.
    """
    parts = [
        _measure(
            encoder,
            classifier,
            scale_images(split.images[part]),
            split.labels[part],
            np.asarray(reconstructions[part]),
        )
        for part in chunks(split.images, encoder.output_shape[1:])
    ]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _measure(
    encoder: keras.Model,
    classifier: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    reconstructions: np.ndarray,
) -> dict[str, np.ndarray]:
    probs = predict(classifier, images)
    reconstruction_probs = predict(classifier, reconstructions)
    prediction = reconstruction_probs.argmax(axis=1)
    return {
        "squared_error": squared_error(images, reconstructions),
        "ssim": ssim(images, reconstructions),
        "feature_cosine": cosine(
            predict(encoder, images), predict(encoder, reconstructions)
        ),
        "agreement": agreement(probs, reconstruction_probs),
        "accuracy": prediction == labels,
        "cross_entropy": cross_entropy(labels, reconstruction_probs),
        "prediction": prediction,
    }
