"""Does a heatmap's shape betray the label?"""

import numpy as np

from keras_xai.comparison.heatmaps import THRESHOLD, scale_to_peak
from keras_xai.comparison.measures import NUM_HEATMAPS, Measure, Metric, Values
from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.split import Split
from keras_xai.evaluation import leak
from keras_xai.evaluation.calls import Predict

TOP_SHARE = 0.05  # of the pixels: about what a target fills, as much for every method
LABELS = ("Label from what is left", "Label from the mask alone", "Mask's size")


def leak_measure(
    predict: Predict, split: Split, *, fill_value: float, batch_size: int, seed: int
) -> Measure:
    """Measures what binarised heatmaps tell of the label, with and without the image.

    What is left of the image is the same number of pixels for every method, because a
    peak's neighbourhood is a few pixels in one method's heatmaps and many in another's.
    The mask alone is the one that the threshold of [IbPRIA19] shows. Accuracy is
    balanced, so that whatever knows nothing of the label scores one over the number of
    classes, whichever class the predictor then answers.

    Args:
        predict: the predictor, trained on random masks.
        split: the images.
        fill_value: in [0, 1], the one the predictor was trained with.
        batch_size: images in a call to `predict`.
        seed: of ties.
    """
    whole = np.concatenate(
        [
            predict(scale_images(split.images[i : i + batch_size])).argmax(axis=-1)
            for i in range(0, split.num_images, batch_size)
        ]
    )
    who = "by a predictor trained on random masks"
    fact = (
        f"The predictor is right on {np.mean(whole == split.labels):.3f} of the whole "
        "images."
    )
    counts = np.bincount(split.labels)
    num_classes = np.count_nonzero(counts)
    weights = split.num_images / (num_classes * np.maximum(counts, 1))  # of a class
    metrics = [
        Metric(
            "evalx_balanced_accuracy",
            LABELS[0],
            "sanity",
            True,
            f"Whether the label is found in the {TOP_SHARE:.0%} most relevant pixels, "
            f"or in all that are positive if these are fewer, {who} (EVAL-X, Jethani "
            "et al. 2021); mean over classes.",
            1 / num_classes,
            fact,
        ),
        Metric(
            "mask_alone_balanced_accuracy",
            LABELS[1],
            "sanity",
            None,
            f"Whether the label is found in the pixels above {THRESHOLD} of the "
            f"heatmap's peak, drawn as ink on an empty image, {who}; far from chance, "
            "the mask's shape or size tells the label (after Jethani et al. 2021); "
            "mean over classes.",
            1 / num_classes,
            fact,
        ),
        Metric(
            "mask_size",
            LABELS[2],
            "sanity",
            None,
            f"Share of the pixels above {THRESHOLD} of the heatmap's peak.",
        ),
    ]

    def compute(_: str, heatmaps: np.ndarray) -> Values:
        parts: dict[str, list[np.ndarray]] = {metric.name: [] for metric in metrics}
        rng = np.random.default_rng(seed)
        for i in range(0, split.num_images, NUM_HEATMAPS):
            part = slice(i, i + NUM_HEATMAPS)
            images, labels = scale_images(split.images[part]), split.labels[part]
            relevance = np.asarray(heatmaps[part])
            masks = leak.binarise(scale_to_peak(relevance), threshold=THRESHOLD)
            top = leak.keep_top(relevance, rng, share=TOP_SHARE)
            ink = np.full_like(images, 0.0 if fill_value >= 0.5 else 1.0)
            for name, shown, kept in (
                ("evalx_balanced_accuracy", images, top),
                ("mask_alone_balanced_accuracy", ink, masks),
            ):
                is_found = leak.masked_accuracy(
                    predict,
                    shown,
                    labels,
                    kept,
                    fill_value=fill_value,
                    batch_size=batch_size,
                )
                parts[name].append(weights[labels] * is_found)
            parts["mask_size"].append(masks.mean(axis=(1, 2)))
        return {name: np.concatenate(values) for name, values in parts.items()}

    return Measure("leak", metrics, compute)
