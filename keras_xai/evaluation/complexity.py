"""How much of an image does a heatmap ask the reader to look at?"""

import numpy as np

from keras_xai.evaluation.checks import check_heatmaps


def entropy(heatmaps: np.ndarray) -> np.ndarray:
    """Measures how far the absolute relevance is spread; lower is simpler.

    Signs are dropped. A heatmap of zeros counts as constant.

    Args:
        heatmaps: `(num_images, height, width)`.

    Returns:
        `(num_images,)` float64 in nats, from 0 (one pixel) to
        ln(height · width) (constant).

    Raises:
        ValueError: if a heatmap is not finite.

    Reference:
        Bhatt et al., Evaluating and Aggregating Feature-based Model Explanations, 2020:
        complexity.
    """
    check_heatmaps(heatmaps)
    return np.array([_entropy(_shares(heatmap)) for heatmap in heatmaps])


def gini(heatmaps: np.ndarray) -> np.ndarray:
    """Measures how unequally the absolute relevance is shared; higher is sparser.

    Signs are dropped. A heatmap of zeros counts as constant.

    Args:
        heatmaps: `(num_images, height, width)`.

    Returns:
        `(num_images,)` float64 from 0 (constant) to 1 - 1 / (height · width)
        (one pixel).

    Raises:
        ValueError: if a heatmap is not finite.

    Reference:
        Chalasani et al., Concise Explanations of Neural Networks using Adversarial
        Training, 2020: sparseness.
    """
    check_heatmaps(heatmaps)
    return np.array([_gini(_shares(heatmap)) for heatmap in heatmaps])


def _shares(heatmap: np.ndarray) -> np.ndarray:
    relevance = np.abs(heatmap.ravel().astype(np.float64))
    if not relevance.any():
        relevance += 1
    return relevance / relevance.sum()


def _entropy(shares: np.ndarray) -> float:
    positive = shares[shares > 0]
    return -(positive * np.log(positive)).sum()


def _gini(shares: np.ndarray) -> float:
    ranks = np.arange(1, shares.size + 1)
    return (2 * ranks - shares.size - 1) @ np.sort(shares) / shares.size
