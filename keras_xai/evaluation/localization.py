"""Does a heatmap lie on its target? Measures against ground truth, one per image."""

import cv2
import numpy as np


def dilate(masks: np.ndarray, radius: int) -> np.ndarray:
    """Grows binary masks by a disc.

    Args:
        masks: `(num_images, height, width)` bool or uint8 in {0, 1}.
        radius: in pixels; 0 changes nothing.

    Returns:
        `(num_images, height, width)` bool.
    """
    size = 2 * radius + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    grown = [cv2.dilate(mask.astype(np.uint8), disc) for mask in masks]
    return np.array(grown, dtype=bool).reshape(masks.shape)


def coverage(heatmaps: np.ndarray) -> np.ndarray:
    """Averages each heatmap over its pixels.

    Args:
        heatmaps: `(num_images, height, width)` in [0, 1].

    Returns:
        `(num_images,)` float64 in [0, 1]; 1 is a white mask.
    """
    return heatmaps.mean(axis=(1, 2), dtype=np.float64)


def pointing_game(heatmaps: np.ndarray, target_masks: np.ndarray) -> np.ndarray:
    """Asks whether each heatmap's maximum lies on the target.

    Ties are shared: the value is the fraction of the maximal pixels that lie on the
    target, so a constant heatmap scores the target's share of the image.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.

    Returns:
        `(num_images,)` float64 in [0, 1].

    Reference:
        Zhang et al., Top-down Neural Attention by Excitation Backprop, 2018.
    """
    is_maximum = heatmaps == heatmaps.max(axis=(1, 2), keepdims=True)
    hits = (is_maximum & target_masks).sum(axis=(1, 2))
    return hits / is_maximum.sum(axis=(1, 2))


def relevance_mass(heatmaps: np.ndarray, region_masks: np.ndarray) -> np.ndarray:
    """Measures the share of the positive relevance that lies in a region.

    Negative values count as 0. A heatmap without positive relevance scores 0.

    Args:
        heatmaps: `(num_images, height, width)`.
        region_masks: `(num_images, height, width)` bool.

    Returns:
        `(num_images,)` float64 in [0, 1].

    Reference:
        Arras et al., CLEVR-XAI, 2022: relevance mass accuracy.
    """
    relevance = np.maximum(heatmaps, 0).astype(np.float64)
    total = relevance.sum(axis=(1, 2))
    inside = (relevance * region_masks).sum(axis=(1, 2))
    return np.divide(inside, total, out=np.zeros_like(total), where=total > 0)
