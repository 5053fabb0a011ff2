"""Does the classifier's decision depend on what heatmaps mark?"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_xai.comparison.measures import Measure, Metric, Values
from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.split import Split
from keras_xai.evaluation import perturbation
from keras_xai.evaluation.calls import Predict
from keras_xai.evaluation.fills import LEVELS, Fill

ORDERS: tuple[perturbation.Order, ...] = ("morf", "lerf")


class Faithfulness(NamedTuple):
    """How images are taken apart.

    Attributes:
        num_images: of the first images, how many.
        patch_sizes: sides of the patches of MoRF and LeRF, in pixels.
        fills: what stands where something was taken away.
        num_steps: of each curve.
    """

    num_images: int
    patch_sizes: tuple[int, ...]
    fills: tuple[Fill, ...]
    num_steps: int


def faithfulness_measure(
    predict: Predict,
    split: Split,
    classes: np.ndarray,
    options: Faithfulness,
    *,
    batch_size: int,
    seed: int,
    keep_curves: Callable[[str, Values], None] = lambda method, curves: None,
) -> Measure:
    """Measures whether the classifier's decision depends on what heatmaps mark.

    All methods are judged by the same classifier and follow the same class, also the
    joint model's explainer; the heatmap is fixed, never computed again.

    Args:
        predict: the explained classifier.
        split: the images.
        classes: `(num_images,)` the class to follow.
        options: how images are taken apart.
        batch_size: images in a call to `predict`.
        seed: of ties and noise.
        keep_curves: called with a method's name and its curves, `(num_images,
            num_points)` in [0, 1] each, by their name: `morf_p8_white`, `lerf_…`,
            `deletion_white`, `insertion_…`.
    """
    images = scale_images(split.images[: options.num_images])
    num_images = len(images)

    def compute(method: str, heatmaps: np.ndarray) -> Values:
        shown, followed = np.asarray(heatmaps[:num_images]), classes[:num_images]
        values: Values = {}
        curves: Values = {}
        for fill in options.fills:
            for patch in options.patch_sizes:
                morf, lerf = (
                    perturbation.perturbation_curves(
                        predict,
                        images,
                        followed,
                        shown,
                        order=order,
                        patch_size=patch,
                        fill=fill,
                        num_steps=options.num_steps,
                        batch_size=batch_size,
                        seed=seed,
                    )
                    for order in ORDERS
                )
                name = f"p{patch}_{fill}"
                curves |= {f"morf_{name}": morf, f"lerf_{name}": lerf}
                values[f"aopc_{name}"] = perturbation.aopc(morf)
                values[f"lerf_{name}"] = perturbation.aopc(lerf)
                values[f"abpc_{name}"] = perturbation.abpc(morf, lerf)
            for name, follow in (
                ("deletion", perturbation.deletion_curves),
                ("insertion", perturbation.insertion_curves),
            ):
                curves[f"{name}_{fill}"] = follow(
                    predict,
                    images,
                    followed,
                    shown,
                    fill=fill,
                    num_steps=options.num_steps,
                    batch_size=batch_size,
                    seed=seed,
                )
                values[f"{name}_{fill}"] = perturbation.area_under_curve(
                    curves[f"{name}_{fill}"]
                )
        keep_curves(method, curves)
        return values

    return Measure("faithfulness", _list_metrics(options, num_images), compute)


def nearest_level(images: np.ndarray) -> Fill:
    """Names the constant fill nearest to the images' most frequent grey level.

    Args:
        images: `(num_images, height, width, channels)` uint8.

    Returns:
        "black", "white" or "grey".
    """
    counts = np.zeros(256, np.int64)
    for image in images:
        grey = np.round(image.mean(axis=-1)).astype(np.uint8)
        counts += np.bincount(grey.ravel(), minlength=256)
    background = counts.argmax() / 255
    levels: tuple[Fill, ...] = ("black", "white", "grey")
    return min(levels, key=lambda name: abs(LEVELS[name] - background))


def _list_metrics(options: Faithfulness, num_images: int) -> list[Metric]:
    """Lists the columns, in the order of the fills."""
    columns: list[tuple[str, str, bool, str]] = []
    how = f"({options.num_steps} steps, first {num_images} images)"
    for fill in options.fills:
        for patch in options.patch_sizes:
            name, label = f"p{patch}_{fill}", f"{patch} px, {fill}"
            patches = f"{patch}×{patch} patches become {fill} {how}; Samek et al. 2017"
            columns += [
                (
                    f"aopc_{name}",
                    f"AOPC, {label}",
                    True,
                    "Mean fall of the class's probability while the most relevant "
                    f"{patches}.",
                ),
                (
                    f"lerf_{name}",
                    f"AOPC of LeRF, {label}",
                    False,
                    "Mean fall of the class's probability while the least relevant "
                    f"{patches}.",
                ),
                (
                    f"abpc_{name}",
                    f"ABPC, {label}",
                    True,
                    "Area between the curves of least and most relevant first while "
                    f"{patches}.",
                ),
            ]
        pixels = f"{fill}, the most relevant first {how}; after Petsiuk et al. 2018"
        columns += [
            (
                f"deletion_{fill}",
                f"Deletion, {fill}",
                False,
                f"Area under the class's probability while all pixels become {pixels}.",
            ),
            (
                f"insertion_{fill}",
                f"Insertion, {fill}",
                True,
                "Area under the class's probability while all pixels come back from "
                f"{pixels}.",
            ),
        ]
    return [
        Metric(name, label, "faithfulness", higher_is_better, description)
        for name, label, higher_is_better, description in columns
    ]
