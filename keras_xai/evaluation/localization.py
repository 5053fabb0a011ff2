"""Does a heatmap lie on its target? Measures against ground truth, one per image."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from keras_xai.evaluation.checks import check_heatmaps, check_same_shape


def dilate(masks: np.ndarray, radius: int) -> np.ndarray:
    """Grows binary masks by a disc.

    Args:
        masks: `(num_images, height, width)` bool or uint8 in {0, 1}.
        radius: of OpenCV's ellipse in pixels, which at 3 has 33 of them, a disc 29;
            0 changes nothing.

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


def pointing_game(
    heatmaps: np.ndarray, target_masks: np.ndarray, *, tolerance: int = 0
) -> np.ndarray:
    """Asks whether each heatmap's maximum lies on the target.

    Values keep their sign. Ties are shared: the value is the fraction of the maximal
    pixels that lie on the target, so a constant heatmap scores the target's share of
    the image. An empty target scores 0.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.
        tolerance: how far off the target a maximum still counts, in pixels; the paper
            allows 15.

    Returns:
        `(num_images,)` float64 in [0, 1].

    Raises:
        ValueError: if shapes differ or a heatmap is not finite.

    Reference:
        Zhang et al., Top-down Neural Attention by Excitation Backprop, 2018.
    """
    check_heatmaps(heatmaps)
    check_same_shape(target_masks, heatmaps)
    is_maximum = heatmaps == heatmaps.max(axis=(1, 2), keepdims=True)
    hits = (is_maximum & dilate(target_masks, tolerance)).sum(axis=(1, 2))
    return hits / is_maximum.sum(axis=(1, 2))


def relevance_mass(heatmaps: np.ndarray, region_masks: np.ndarray) -> np.ndarray:
    """Measures the share of the positive relevance that lies in a region.

    Negative values count as 0. A heatmap without positive relevance scores 0, and so
    does an empty region.

    Args:
        heatmaps: `(num_images, height, width)`.
        region_masks: `(num_images, height, width)` bool.

    Returns:
        `(num_images,)` float64 in [0, 1].

    Raises:
        ValueError: if shapes differ or a heatmap is not finite.

    Reference:
        Arras et al., CLEVR-XAI, 2022: relevance mass accuracy.
    """
    check_heatmaps(heatmaps)
    check_same_shape(region_masks, heatmaps, "region_masks")
    relevance = np.maximum(heatmaps, 0).astype(np.float64)
    total = relevance.sum(axis=(1, 2))
    inside = (relevance * region_masks.astype(bool)).sum(axis=(1, 2))
    return np.divide(inside, total, out=np.zeros_like(total), where=total > 0)


def relevance_rank(heatmaps: np.ndarray, target_masks: np.ndarray) -> np.ndarray:
    """Measures the share of the target found by as many of the most relevant pixels.

    Values keep their sign. Ties are shared: of the pixels equal to the last one taken,
    the target's share counts, so a constant heatmap scores the target's share of the
    image.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.

    Returns:
        `(num_images,)` float64 in [0, 1].

    Raises:
        ValueError: if shapes differ, a heatmap is not finite, or a target is empty.

    Reference:
        Arras et al., CLEVR-XAI, 2022: relevance rank accuracy.
    """
    return _measure_order(heatmaps, target_masks, _rank)


def iou(
    heatmaps: np.ndarray, target_masks: np.ndarray, *, threshold: float = 0.75
) -> np.ndarray:
    """Measures the overlap of the target and the pixels above a threshold.

    Values keep their sign and scale: the threshold is absolute, so heatmaps of several
    methods must be brought to one range first. A pixel equal to the threshold is out.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.
        threshold: in the heatmaps' unit; 0.75 is that of [IbPRIA19] Sec. 3.

    Returns:
        `(num_images,)` float64 in [0, 1]: intersection over union.

    Raises:
        ValueError: if shapes differ, a heatmap is not finite, or a target is empty.

    Reference:
        Jaccard, The Distribution of the Flora in the Alpine Zone, 1912.
    """
    _check_targets(heatmaps, target_masks)
    taken, targets = heatmaps > threshold, target_masks.astype(bool)
    return (taken & targets).sum(axis=(1, 2)) / (taken | targets).sum(axis=(1, 2))


def best_iou(heatmaps: np.ndarray, target_masks: np.ndarray) -> np.ndarray:
    """Measures the overlap at each heatmap's own best threshold.

    All thresholds are tried, not a grid of them. Values keep their sign; only their
    order counts, and equal pixels are taken together.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.

    Returns:
        `(num_images,)` float64 in (0, 1]; a constant heatmap scores the target's share
        of the image, the least of all heatmaps.

    Raises:
        ValueError: if shapes differ, a heatmap is not finite, or a target is empty.

    Reference:
        Choe et al., Evaluating Weakly Supervised Object Localization Methods Right,
        2020: the best threshold, there one for a data set.
    """
    return _measure_order(heatmaps, target_masks, _best_iou)


def roc_auc(heatmaps: np.ndarray, target_masks: np.ndarray) -> np.ndarray:
    """Measures how often a pixel of the target is above one that is not.

    Values keep their sign; only their order counts. A pair of equal pixels counts half
    (midranks), so a constant heatmap scores 0.5.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.

    Returns:
        `(num_images,)` float64 in [0, 1]: the area under the ROC curve.

    Raises:
        ValueError: if shapes differ, a heatmap is not finite, or a target is empty or
            the whole image.

    Reference:
        Fawcett, An introduction to ROC analysis, 2006.
    """
    _check_targets(heatmaps, target_masks)
    _check_not_full(target_masks)
    return _measure_order(heatmaps, target_masks, _roc_auc)


def average_precision(heatmaps: np.ndarray, target_masks: np.ndarray) -> np.ndarray:
    """Averages, over the target's pixels, the precision of what is at least as high.

    Values keep their sign; only their order counts. Equal pixels are taken together, so
    a constant heatmap scores the target's share of the image. Precision is not
    interpolated.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.

    Returns:
        `(num_images,)` float64 in (0, 1].

    Raises:
        ValueError: if shapes differ, a heatmap is not finite, or a target is empty.

    Reference:
        Davis and Goadrich, The Relationship Between Precision-Recall and ROC Curves,
        2006, against interpolation.
    """
    return _measure_order(heatmaps, target_masks, _average_precision)


def order_measures(
    heatmaps: np.ndarray, target_masks: np.ndarray
) -> dict[str, np.ndarray]:
    """Measures all that depends on the order of the pixels alone, sorting them once.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.

    Returns:
        `relevance_rank`, `best_iou`, `roc_auc` and `average_precision` by their names.

    Raises:
        ValueError: as the four do.
    """
    _check_targets(heatmaps, target_masks)
    _check_not_full(target_masks)
    sweeps = list(_sweeps(heatmaps, target_masks))
    return {
        name: np.array([measure(*sweep) for sweep in sweeps])
        for name, measure in (
            ("relevance_rank", _rank),
            ("best_iou", _best_iou),
            ("roc_auc", _roc_auc),
            ("average_precision", _average_precision),
        )
    }


def pompom(
    heatmaps: np.ndarray, target_masks: np.ndarray, *, epsilon: float = 1e-6
) -> np.ndarray:
    """Measures the share of the pixels off the target that are lit; lower is better.

    The measure is meant for masks that can be exactly 0: anything above epsilon is lit,
    however weak. Epsilon is absolute, so heatmaps of several methods must be brought to
    one range first.

    Args:
        heatmaps: `(num_images, height, width)`.
        target_masks: `(num_images, height, width)` bool.
        epsilon: a value above it is lit; in the heatmaps' unit.

    Returns:
        `(num_images,)` float64 in [0, 1]; 0 where the target fills the image.

    Raises:
        ValueError: if shapes differ or a heatmap is not finite.

    Reference:
        Rio-Torto et al., Understanding the decisions of CNNs: An in-model approach,
        2020: percentage of meaningful pixels outside the mask.
    """
    check_heatmaps(heatmaps)
    check_same_shape(target_masks, heatmaps)
    off_target = ~target_masks.astype(bool)
    num_lit = (off_target & (heatmaps > epsilon)).sum(axis=(1, 2))
    return num_lit / (off_target.sum(axis=(1, 2)) + epsilon)


def _check_targets(heatmaps: np.ndarray, target_masks: np.ndarray) -> None:
    check_heatmaps(heatmaps)
    check_same_shape(target_masks, heatmaps)
    if empty := int((~target_masks.any(axis=(1, 2))).sum()):
        raise ValueError(
            "Invalid value for `target_masks`. Expected a pixel on every target. "
            f"Received: {empty} of {len(target_masks)} targets are empty"
        )


def _check_not_full(target_masks: np.ndarray) -> None:
    if full := int(target_masks.all(axis=(1, 2)).sum()):
        raise ValueError(
            "Invalid value for `target_masks`. Expected pixels off every target. "
            f"Received: {full} of {len(target_masks)} targets fill their image"
        )


def _measure_order(
    heatmaps: np.ndarray,
    target_masks: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], float],
) -> np.ndarray:
    _check_targets(heatmaps, target_masks)
    return np.array([measure(*sweep) for sweep in _sweeps(heatmaps, target_masks)])


def _rank(num_taken: np.ndarray, num_hits: np.ndarray) -> float:
    return np.interp(num_hits[-1], num_taken, num_hits) / num_hits[-1]


def _best_iou(num_taken: np.ndarray, num_hits: np.ndarray) -> float:
    return (num_hits / (num_taken + num_hits[-1] - num_hits)).max()


def _roc_auc(num_taken: np.ndarray, num_hits: np.ndarray) -> float:
    num_misses = num_taken - num_hits
    return np.trapezoid(num_hits, num_misses) / (num_hits[-1] * num_misses[-1])


def _average_precision(num_taken: np.ndarray, num_hits: np.ndarray) -> float:
    return np.diff(num_hits) @ (num_hits[1:] / num_taken[1:]) / num_hits[-1]


def _sweeps(
    heatmaps: np.ndarray, target_masks: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Lowers a threshold through each heatmap, from above all of it to below.

    Yields:
        How many pixels are taken and how many of these lie on the target, first 0, then
        after each distinct value: two `(1 + num_values,)` arrays.
    """
    for heatmap, target in zip(heatmaps, target_masks, strict=True):
        descending = -heatmap.ravel().astype(np.float64)
        _, step = np.unique(descending, return_inverse=True)
        num_taken = np.bincount(step + 1).cumsum()
        num_hits = np.bincount(step + 1, weights=target.ravel().astype(bool)).cumsum()
        yield num_taken, num_hits
