"""What a model says of many images, without a `tf.data` pipeline around it."""

from typing import Any

import keras
import numpy as np


def predict_images(model: keras.Model, images: np.ndarray, *, batch_size: int) -> Any:
    """Runs a model over images, batch by batch.

    Keras' own `predict` reads an array through `tf.data`, whose autotuning thread may
    hold the end of the call up for as long as the call took (docs/decisions.md).

    Args:
        model: of one input.
        images: `(num_images, ...)`, at least one, as the model takes them.
        batch_size: images a batch.

    Returns:
        The model's outputs, an array or a structure of arrays `(num_images, ...)`.
    """
    batches = [
        model.predict_on_batch(images[start : start + batch_size])
        for start in range(0, len(images), batch_size)
    ]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches)
