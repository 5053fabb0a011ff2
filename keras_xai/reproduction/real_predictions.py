"""What the models of a cell on photographs say, and masks that know nothing."""

from typing import NamedTuple

import numpy as np

from keras_xai.datasets.gather import scale_images
from keras_xai.evaluation.baselines import centre_gaussian, sobel_edges
from keras_xai.models.joint import build_white_mask_model
from keras_xai.models.predict import predict_images
from keras_xai.reproduction.training import Training

BATCH_SIZE = 32  # of predictions


class Predictions(NamedTuple):
    """What a training's models say about images.

    Attributes:
        alone: `(num_images,)` int64, the classes that the classifier decides for after
            the first stage, under a white mask.
        joint: `(num_images,)` int64, those of the joint model.
        masks: `(num_images, height, width)` float32 in [0, 1], the joint model's.
    """

    alone: np.ndarray
    joint: np.ndarray
    masks: np.ndarray


def predict(training: Training, images: np.ndarray) -> Predictions:
    """Predicts classes and masks.

    Args:
        training: as from `train_cell`.
        images: `(num_images, height, width, 3)` uint8.
    """
    white = build_white_mask_model(training.after_first)
    alone = predict_images(white, images, batch_size=BATCH_SIZE)
    joint = predict_images(training.joint, images, batch_size=BATCH_SIZE)
    return Predictions(
        alone["probs"].argmax(axis=1),
        joint["probs"].argmax(axis=1),
        joint["mask"][..., 0],
    )


def baseline_masks(masks: np.ndarray, images: np.ndarray) -> dict[str, np.ndarray]:
    """Makes masks that know nothing of the model, or not of the image.

    Args:
        masks: `(num_images, height, width)` float32 in [0, 1].
        images: `(num_images, height, width, 3)` uint8.

    Returns:
        `swapped`, each image with the mask of that half the images away, which keeps
        what position and size explain; `centre`, a Gaussian; `edges`, Sobel's.
    """
    scaled = scale_images(images)
    return {
        "swapped": np.roll(masks, len(masks) // 2, axis=0),
        "centre": centre_gaussian(scaled),
        "edges": sobel_edges(scaled),
    }
