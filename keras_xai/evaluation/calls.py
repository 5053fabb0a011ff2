"""Calls to a model that stands behind a plain function, one bounded batch at a time."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np

from keras_xai.evaluation.checks import check_at_least_one

Images = np.ndarray  # `(batch, height, width, channels)` float in [0, 1]
Predict = Callable[[Images], np.ndarray]  # -> `(batch, num_classes)` probabilities
Explain = Callable[[Images], np.ndarray]  # -> `(batch, height, width)` heatmaps


def call_in_batches(
    function: Predict | Explain, images: Iterable[np.ndarray], batch_size: int
) -> Iterator[np.ndarray]:
    """Yields the function's output for each image, holding one batch in memory.

    The function is called ceil(num_images / batch_size) times; only the last batch may
    be smaller.

    Args:
        function: takes a batch and returns one output an image.
        images: each `(height, width, channels)`; all of them need not fit in memory.
        batch_size: the most images in a call.

    Raises:
        ValueError: if `batch_size` is below 1, or a batch of outputs has another
            length than its batch of images.
    """
    check_at_least_one(batch_size, "batch_size")
    remaining = iter(images)
    while batch := list(islice(remaining, batch_size)):
        outputs = np.asarray(function(np.stack(batch)))
        if outputs.shape[:1] != (len(batch),):
            raise ValueError(
                f"Invalid value for `{getattr(function, '__name__', 'function')}`. "
                f"Expected {len(batch)} outputs for as many images. "
                f"Received: shape={outputs.shape}"
            )
        yield from outputs


def predict_in_batches(
    predict: Predict, images: Iterable[np.ndarray], labels: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Yields `(num_classes,)` probabilities and the label of each image.

    Raises:
        ValueError: as `call_in_batches`, or if `predict` does not tell the probability
            of every class, the label's among them.
    """
    outputs = call_in_batches(predict, images, batch_size)
    for probs, label in zip(outputs, labels, strict=True):
        if probs.ndim != 1 or probs.size <= max(label, 1):
            raise ValueError(
                "Invalid value for `predict`. Expected the probabilities of two or "
                f"more classes, label {label} among them. "
                f"Received: shape={probs.shape} for an image"
            )
        yield probs, label
