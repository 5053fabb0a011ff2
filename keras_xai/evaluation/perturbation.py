"""Does the class depend on what a heatmap marks? Curves of images taken apart.

The heatmap is fixed: only the image changes along a curve, and the mask is never
recomputed. A curve costs `num_points` predictions an image, so one call here makes
ceil(num_images · num_points / batch_size) calls to `predict`; beside its arguments and
results it holds one batch, whatever the number of images and points.
"""

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import numpy as np

from keras_xai.evaluation.calls import Predict, predict_in_batches
from keras_xai.evaluation.checks import (
    check_at_least_one,
    check_heatmaps,
    check_images,
    check_labels,
)
from keras_xai.evaluation.fills import Fill, fill_image

Order = Literal["morf", "lerf"]

# The image at the start of a path, the image at its end, and each pixel's rank: the
# lower, the earlier it is replaced.
_Path = tuple[np.ndarray, np.ndarray, np.ndarray]
_Rng = np.random.Generator


def perturbation_curves(
    predict: Predict,
    images: np.ndarray,
    labels: np.ndarray,
    heatmaps: np.ndarray,
    *,
    order: Order = "morf",
    patch_size: int = 8,
    fill: Fill = "grey",
    num_steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> np.ndarray:
    """Follows a class's probability while square patches are replaced one by one.

    The patches tile the image from its top left corner; those at the right and lower
    border may be cut. They are ordered by their mean relevance, which keeps its sign.
    Patches of equal mean come in a random order, the same for a seed and an image's
    index; LeRF is always MoRF reversed.

    Args:
        predict: `(batch, height, width, channels)` images to `(batch, num_classes)`
            probabilities.
        images: `(num_images, height, width, channels)` float in [0, 1].
        labels: `(num_images,)` int, the class to follow in each image.
        heatmaps: `(num_images, height, width)`.
        order: most relevant first or least relevant first.
        patch_size: the side of a patch in pixels.
        fill: what a patch is replaced with, see `fill_image`.
        num_steps: the most patches to replace; all of them if there are fewer.
        batch_size: the most images in a call to `predict`.
        seed: for ties and for the fill's noise, both the same for any batch size.

    Returns:
        `(num_images, num_points)` float64 in [0, 1]: the probability after 0, 1, 2, …
        replaced patches; num_points is 1 + min(num_steps, number of patches).

    Raises:
        ValueError: if shapes differ, a heatmap is not finite, images leave [0, 1], a
            label is no class index, or an option is none of the above.

    Reference:
        Samek et al., Evaluating the Visualization of What a Deep Neural Network Has
        Learned, 2017.
    """
    if order not in get_args(Order):
        raise ValueError(
            f"Invalid value for `order`. Expected one of {get_args(Order)}. "
            f"Received: order={order!r}"
        )
    check_at_least_one(patch_size, "patch_size")
    check_at_least_one(num_steps, "num_steps")

    def path(image: np.ndarray, heatmap: np.ndarray, rng: _Rng) -> _Path:
        ranks = _rank(_average_patches(heatmap, patch_size), rng)
        if order == "lerf":
            ranks = ranks.size - 1 - ranks
        height, width = heatmap.shape
        ranks = ranks.repeat(patch_size, axis=0).repeat(patch_size, axis=1)
        return image, fill_image(image, fill, rng), ranks[:height, :width]

    num_patches = np.prod([-(-size // patch_size) for size in heatmaps.shape[1:]])
    num_replaced = np.arange(1 + min(num_steps, num_patches))
    return _follow(
        predict, images, labels, heatmaps, path, num_replaced, batch_size, seed
    )


def deletion_curves(
    predict: Predict,
    images: np.ndarray,
    labels: np.ndarray,
    heatmaps: np.ndarray,
    *,
    fill: Fill = "black",
    num_steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> np.ndarray:
    """Follows a class's probability while all pixels go, the most relevant first.

    Sign, ties, errors and the other arguments are those of `perturbation_curves`, with
    a pixel in place of a patch.

    Args:
        fill: what a pixel is replaced with, see `fill_image`.
        num_steps: at most one a pixel. After step k, floor(k · num_pixels / num_steps)
            pixels are replaced.

    Returns:
        `(num_images, num_steps + 1)` float64 in [0, 1], from the image to nothing but
        fill. The lower its `area_under_curve`, the better the heatmap.

    Reference:
        Petsiuk et al., RISE, 2018.
    """

    def path(image: np.ndarray, heatmap: np.ndarray, rng: _Rng) -> _Path:
        ranks = _rank(heatmap, rng)
        return image, fill_image(image, fill, rng), ranks

    num_replaced = _equal_steps(heatmaps, num_steps)
    return _follow(
        predict, images, labels, heatmaps, path, num_replaced, batch_size, seed
    )


def insertion_curves(
    predict: Predict,
    images: np.ndarray,
    labels: np.ndarray,
    heatmaps: np.ndarray,
    *,
    fill: Fill = "blur",
    num_steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> np.ndarray:
    """Follows a class's probability while all pixels come, the most relevant first.

    `deletion_curves` the other way round: same arguments, errors and reference.

    Returns:
        `(num_images, num_steps + 1)` float64 in [0, 1], from nothing but fill to the
        image. The higher its `area_under_curve`, the better the heatmap.
    """

    def path(image: np.ndarray, heatmap: np.ndarray, rng: _Rng) -> _Path:
        ranks = _rank(heatmap, rng)
        return fill_image(image, fill, rng), image, ranks

    num_replaced = _equal_steps(heatmaps, num_steps)
    return _follow(
        predict, images, labels, heatmaps, path, num_replaced, batch_size, seed
    )


def aopc(morf_curves: np.ndarray) -> np.ndarray:
    """Averages the drop from the first point over all points, the first included.

    Args:
        morf_curves: `(num_images, num_points)` from `perturbation_curves`.

    Returns:
        `(num_images,)` float64 in [-1, 1]: the area over the perturbation curve; higher
        is better.

    Reference:
        Samek et al., 2017: AOPC = 1/(L+1) · ⟨Σ_k f(x⁰) - f(xᵏ)⟩, k from 0 to L. The
        mean ⟨·⟩ over images is left to the caller.
    """
    return (morf_curves[:, :1] - morf_curves).mean(axis=1)


def abpc(morf_curves: np.ndarray, lerf_curves: np.ndarray) -> np.ndarray:
    """Averages, over all points, how far the LeRF curve is above the MoRF curve.

    Args:
        morf_curves: `(num_images, num_points)` from `perturbation_curves`.
        lerf_curves: the same, in the other order.

    Returns:
        `(num_images,)` float64 in [-1, 1]: the area between the perturbation curves,
        which is the difference of their AOPCs; higher is better.

    Raises:
        ValueError: if the curves' shapes differ.
    """
    if morf_curves.shape != lerf_curves.shape:
        raise ValueError(
            "Invalid value for `lerf_curves`. Expected the MoRF curves' shape "
            f"{morf_curves.shape}. Received: shape={lerf_curves.shape}"
        )
    return (lerf_curves - morf_curves).mean(axis=1)


def area_under_curve(curves: np.ndarray) -> np.ndarray:
    """Integrates each curve over the unit interval by the trapezoidal rule.

    Args:
        curves: `(num_images, num_points)` from `deletion_curves` or `insertion_curves`.

    Returns:
        `(num_images,)` float64 in [0, 1].

    Reference:
        Petsiuk et al., RISE, 2018.
    """
    return np.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1)


def _follow(
    predict: Predict,
    images: np.ndarray,
    labels: np.ndarray,
    heatmaps: np.ndarray,
    path: Callable[[np.ndarray, np.ndarray, _Rng], _Path],
    num_replaced: np.ndarray,
    batch_size: int,
    seed: int,
) -> np.ndarray:
    check_heatmaps(heatmaps)
    check_images(images, heatmaps)
    check_labels(labels, images)

    def walk() -> Iterator[np.ndarray]:
        for index, (image, heatmap) in enumerate(zip(images, heatmaps, strict=True)):
            rng = np.random.default_rng((seed, index))
            start, end, ranks = path(image, heatmap, rng)
            for count in num_replaced:
                yield np.where((ranks < count)[..., None], end, start)

    followed = np.repeat(labels, len(num_replaced))
    outputs = predict_in_batches(predict, walk(), followed, batch_size)
    curves = np.array([probs[label] for probs, label in outputs], np.float64)
    return curves.reshape(len(images), len(num_replaced))


def _rank(relevance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers the values from 0 for the highest; equal ones in a random order."""
    shuffle = rng.random(relevance.size)
    order = np.lexsort((shuffle, -relevance.ravel().astype(np.float64)))
    ranks = np.empty_like(order)
    ranks[order] = np.arange(order.size)
    return ranks.reshape(relevance.shape)


def _average_patches(heatmap: np.ndarray, patch_size: int) -> np.ndarray:
    height, width = heatmap.shape
    top, left = np.arange(0, height, patch_size), np.arange(0, width, patch_size)
    sums = np.add.reduceat(heatmap.astype(np.float64), top, axis=0)
    sums = np.add.reduceat(sums, left, axis=1)
    heights = np.diff(top, append=height)
    widths = np.diff(left, append=width)
    return sums / np.outer(heights, widths)


def _equal_steps(heatmaps: np.ndarray, num_steps: int) -> np.ndarray:
    check_at_least_one(num_steps, "num_steps")
    num_pixels = int(np.prod(heatmaps.shape[1:]))
    num_steps = min(num_steps, num_pixels)
    return np.arange(num_steps + 1) * num_pixels // num_steps
