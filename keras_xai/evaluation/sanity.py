"""Does a heatmap depend on the model's parameters? If not, its scores mean little."""

from collections.abc import Callable, Iterable

import numpy as np

from keras_xai.evaluation.calls import Explain, call_in_batches
from keras_xai.evaluation.checks import check_heatmaps, check_same_shape
from keras_xai.evaluation.structural_similarity import ssim


def rank_correlation(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Compares the order of the pixels in two heatmaps of each image.

    Values keep their sign; only their order counts. Equal pixels share their mean rank.
    Where both heatmaps are constant nothing changed, which counts as 1; where only one
    is, 0.

    Args:
        before: `(num_images, height, width)`.
        after: `(num_images, height, width)`.

    Returns:
        `(num_images,)` float64 in [-1, 1]: Spearman's rank correlation.

    Raises:
        ValueError: if shapes differ or a heatmap is not finite.

    Reference:
        Adebayo et al., Sanity Checks for Saliency Maps, 2018.
    """
    _check_pair(before, after)
    return np.array(
        [
            _correlate(_midranks(first), _midranks(second))
            for first, second in zip(before, after, strict=True)
        ]
    )


def structural_similarity(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Compares the local structure of two heatmaps of each image.

    Each heatmap is first scaled from its least and largest value to 0 and 1, a constant
    one to 0, so sign and scale do not count.

    Args:
        before: `(num_images, height, width)`.
        after: `(num_images, height, width)`.

    Returns:
        `(num_images,)` float64 in [-1, 1]: SSIM.

    Raises:
        ValueError: if shapes differ or a heatmap is not finite.

    Reference:
        Adebayo et al., Sanity Checks for Saliency Maps, 2018.
    """
    _check_pair(before, after)
    scaled = (np.stack([_scale(h) for h in stack]) for stack in (before, after))
    return ssim(*(stack[..., None] for stack in scaled))


def parameter_randomisation(
    explain: Explain,
    randomised: Iterable[tuple[str, Explain]],
    images: np.ndarray,
    *,
    similarity: Callable[[np.ndarray, np.ndarray], np.ndarray] = rank_correlation,
    batch_size: int = 32,
) -> dict[str, np.ndarray]:
    """Compares a model's heatmaps with those of the model after randomisation.

    A method whose heatmaps stay similar explains the image, not the model. Adebayo et
    al. compare both the heatmaps and their absolute values: wrap `explain` for these.

    Args:
        explain: `(batch, height, width, channels)` images to `(batch, height, width)`
            heatmaps, with the trained parameters.
        randomised: a name and a callable like `explain` for each stage of the
            randomisation. It is advanced only after `explain` was called for the last
            time, so a generator may randomise the same model layer by layer.
        images: `(num_images, height, width, channels)`.
        similarity: of two stacks of heatmaps, one value an image.
        batch_size: the most images in a call; each callable is called
            ceil(num_images / batch_size) times.

    Returns:
        A similarity `(num_images,)` float64 for each name; low is good.

    Raises:
        ValueError: if a callable returns other than one finite heatmap an image.

    Reference:
        Adebayo et al., Sanity Checks for Saliency Maps, 2018: cascading randomisation.
    """

    def heatmaps(function: Explain) -> np.ndarray:
        return np.stack(list(call_in_batches(function, images, batch_size)))

    before = heatmaps(explain)
    return {name: similarity(before, heatmaps(stage)) for name, stage in randomised}


def _check_pair(before: np.ndarray, after: np.ndarray) -> None:
    check_heatmaps(before, "before")
    check_heatmaps(after, "after")
    check_same_shape(after, before, "after")


def _midranks(heatmap: np.ndarray) -> np.ndarray:
    _, group, sizes = np.unique(
        heatmap.ravel(), return_inverse=True, return_counts=True
    )
    return (sizes.cumsum() - (sizes - 1) / 2)[group]


def _correlate(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    norm = np.sqrt((first @ first) * (second @ second))
    if norm == 0:
        return float(first.any() == second.any())
    return first @ second / norm


def _scale(heatmap: np.ndarray) -> np.ndarray:
    heatmap = heatmap.astype(np.float64)
    heatmap -= heatmap.min()
    peak = heatmap.max()
    return heatmap / peak if peak > 0 else heatmap
