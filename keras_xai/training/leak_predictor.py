"""Trains the predictor that tells whether a mask leaks the label."""

from collections.abc import Iterator

import keras
import numpy as np

from keras_xai.datasets.batches import draw_batches
from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.split import Split
from keras_xai.evaluation.leak import apply_masks, draw_block_masks
from keras_xai.models.cloning import clone_unfrozen

BLOCK_SIZES = (1, 2, 4, 8, 16)  # in pixels; every batch draws one
LEARNING_RATE = 1e-4  # of Adam


def train_leak_predictor(
    classifier: keras.Model,
    split: Split,
    *,
    fill_value: float,
    num_steps: int,
    batch_size: int = 16,
    seed: int = 0,
) -> keras.Model:
    """Trains a copy of a classifier on images of which random masks leave a part.

    It learns what the visible pixels say, and never meets a method's masks, so that it
    cannot read a label that is coded in a mask's shape.

    Args:
        classifier: from `(batch, height, width, channels)` float32 in [0, 1] to
            probabilities; where the training starts. It must not have met an
            explainer's masks either.
        split: images to train on.
        fill_value: what stands where a mask hides the image, in [0, 1].
        num_steps: batches to train on.
        batch_size: images a step.
        seed: of batches, masks and dropout. Sets Keras' global seed.

    Returns:
        A model as the classifier, which stays as it is.

    Reference:
        Jethani et al., Have We Learned to Explain?, 2021: EVAL-X.
    """
    keras.utils.set_random_seed(seed)
    predictor = clone_unfrozen(classifier)
    predictor.set_weights(classifier.get_weights())
    predictor.compile(
        keras.optimizers.Adam(LEARNING_RATE), "sparse_categorical_crossentropy"
    )
    batches = _masked_batches(split, fill_value, num_steps, batch_size, seed)
    for images, labels in batches:
        predictor.train_on_batch(images, labels)
    return predictor


def _masked_batches(
    split: Split, fill_value: float, num_steps: int, batch_size: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draws images under masks and their labels; each batch is one of (seed, index)."""
    batches = draw_batches(split.num_images, batch_size, num_steps, seed=(seed, 0))
    for index, indices in enumerate(batches):
        rng = np.random.default_rng((seed, 1, index))
        masks = draw_block_masks(
            len(indices),
            *split.image_shape[:2],
            rng,
            block_size=int(rng.choice(BLOCK_SIZES)),
        )
        images = scale_images(split.images[indices])
        masked = apply_masks(images, masks, fill_value=fill_value)
        yield masked, split.labels[indices]
