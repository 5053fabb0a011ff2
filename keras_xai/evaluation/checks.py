"""What the measures ask of their arrays; every error names what it received."""

import numpy as np


def check_heatmaps(heatmaps: np.ndarray, name: str = "heatmaps") -> None:
    """Asks for `(num_images, height, width)` finite values.

    Raises:
        ValueError: if there are other axes, or a NaN or an infinity.
    """
    if heatmaps.ndim != 3:
        raise ValueError(
            f"Invalid value for `{name}`. Expected shape (num_images, height, width). "
            f"Received: shape={heatmaps.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(heatmaps).all(axis=(1, 2)))
    if bad.size:
        raise ValueError(
            f"Invalid value for `{name}`. Expected finite values. "
            f"Received: NaN or infinity in image {bad[0]} "
            f"({bad.size} of {len(heatmaps)} images)"
        )


def check_same_shape(
    array: np.ndarray, heatmaps: np.ndarray, name: str = "target_masks"
) -> None:
    """Asks for one mask, or one other heatmap, of equal size for each heatmap.

    Raises:
        ValueError: if the shapes differ.
    """
    if array.shape != heatmaps.shape:
        raise ValueError(
            f"Invalid value for `{name}`. Expected the heatmaps' shape "
            f"{heatmaps.shape}. Received: shape={array.shape}"
        )


def check_images(images: np.ndarray, heatmaps: np.ndarray) -> None:
    """Asks for `(num_images, height, width, channels)` in [0, 1], one a heatmap.

    Raises:
        ValueError: if the shapes do not agree, or values lie outside [0, 1].
    """
    if images.ndim != 4 or images.shape[:3] != heatmaps.shape:
        raise ValueError(
            "Invalid value for `images`. Expected shape (num_images, height, width, "
            f"channels) with {heatmaps.shape} as the heatmaps or masks. "
            f"Received: shape={images.shape}"
        )
    if images.size and not 0 <= images.min() <= images.max() <= 1:
        raise ValueError(
            "Invalid value for `images`. Expected values in [0, 1]. "
            f"Received: values from {images.min()} to {images.max()}"
        )


def check_labels(labels: np.ndarray, images: np.ndarray) -> None:
    """Asks for `(num_images,)` class indices.

    Raises:
        ValueError: if there is not one for each image, or one is not an index.
    """
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"Invalid value for `labels`. Expected shape {images.shape[:1]}. "
            f"Received: shape={labels.shape}"
        )
    if labels.dtype.kind not in "iu" or (labels < 0).any():
        raise ValueError(
            "Invalid value for `labels`. Expected class indices from 0. "
            f"Received: dtype={labels.dtype}, labels={labels}"
        )


def check_at_least_one(value: int, name: str) -> None:
    """Asks for a positive number.

    Raises:
        ValueError: if it is 0 or less.
    """
    if value < 1:
        raise ValueError(
            f"Invalid value for `{name}`. Expected at least 1. Received: {name}={value}"
        )
