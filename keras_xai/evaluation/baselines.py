"""Heatmaps that know nothing of the model, which an explanation must beat.

Each takes `(num_images, height, width, channels)` float images in [0, 1] and returns
`(num_images, height, width)` float32 heatmaps in [0, 1]. Grey is the mean over the
channels, the background an image's most frequent grey level of 256 (the darkest of
several).
"""

import cv2
import numpy as np

CENTRE_SIGMA = 0.25  # of the height and of the width


def random_heatmaps(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws each pixel uniformly.

    Batches drawn one after the other from a generator equal one large batch.
    """
    return rng.random(images.shape[:3], dtype=np.float32)


def centre_gaussian(images: np.ndarray) -> np.ndarray:
    """Looks at the centre: one Gaussian for all, 1 at its peak."""
    num_images, height, width = images.shape[:3]
    bell = np.outer(_bell(height), _bell(width))
    return np.repeat(bell[None], num_images, axis=0).astype(np.float32)


def sobel_edges(images: np.ndarray) -> np.ndarray:
    """Looks at edges: the grey gradient's length, the largest of an image being 1."""
    return np.array([_scale(_gradient(_grey(image))) for image in images], np.float32)


def otsu(images: np.ndarray) -> np.ndarray:
    """Looks at the foreground: 1 across Otsu's threshold from the background."""
    return np.array([_foreground(_levels(image)) for image in images], np.float32)


def background_distance(images: np.ndarray) -> np.ndarray:
    """Looks at the image itself: the distance from the background's level, scaled."""
    return np.array([_scale(_distance(_levels(image))) for image in images], np.float32)


def _grey(image: np.ndarray) -> np.ndarray:
    return image.mean(axis=-1, dtype=np.float64)


def _levels(image: np.ndarray) -> np.ndarray:
    return np.round(255 * _grey(image)).astype(np.uint8)


def _background(levels: np.ndarray) -> int:
    return int(np.bincount(levels.ravel(), minlength=256).argmax())


def _scale(heatmap: np.ndarray) -> np.ndarray:
    peak = heatmap.max()
    return heatmap / peak if peak > 0 else heatmap


def _bell(size: int) -> np.ndarray:
    offset = np.arange(size) - (size - 1) / 2
    bell = np.exp(-0.5 * (offset / (CENTRE_SIGMA * size)) ** 2)
    return bell / bell.max()


def _gradient(grey: np.ndarray) -> np.ndarray:
    return np.hypot(
        cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1)
    )


def _foreground(levels: np.ndarray) -> np.ndarray:
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return (levels > threshold) != (_background(levels) > threshold)


def _distance(levels: np.ndarray) -> np.ndarray:
    return np.abs(levels.astype(np.float64) - _background(levels))
