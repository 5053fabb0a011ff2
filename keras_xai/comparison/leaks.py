"""Does a heatmap's shape betray the label?"""

import numpy as np

from keras_xai.comparison.heatmaps import scale_to_peak
from keras_xai.comparison.measures import NUM_HEATMAPS, Measure, Metric, Values
from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.split import Split
from keras_xai.evaluation import leak
from keras_xai.evaluation.calls import Predict

THRESHOLD = 0.75  # of a heatmap's peak; [IbPRIA19] Sec. 3
LABELS = ("Label from what is left", "Label from the mask alone")


def leak_measure(
    predict: Predict, split: Split, *, fill_value: float, batch_size: int
) -> Measure:
    """Measures what binarised heatmaps tell of the label, with and without the image.

    Args:
        predict: the predictor, trained on random masks.
        split: the images.
        fill_value: in [0, 1], the one the predictor was trained with.
        batch_size: images in a call to `predict`.
    """
    whole = np.concatenate(
        [
            predict(scale_images(split.images[i : i + batch_size])).argmax(axis=-1)
            for i in range(0, split.num_images, batch_size)
        ]
    )
    who = (
        f"by a predictor trained on random masks, which is right on "
        f"{np.mean(whole == split.labels):.3f} of the whole images"
    )
    metrics = [
        Metric(
            "evalx_accuracy",
            LABELS[0],
            "sanity",
            True,
            f"Whether the label is found in the pixels above {THRESHOLD} of the "
            f"heatmap's peak, {who} (EVAL-X, Jethani et al. 2021).",
            split.majority_rate,
        ),
        Metric(
            "mask_alone_accuracy",
            LABELS[1],
            "sanity",
            None,
            f"Whether the label is found in that mask drawn as ink on an empty image, "
            f"{who}; far from chance, the mask's shape or size tells the label (after "
            "Jethani et al. 2021).",
            split.majority_rate,
        ),
    ]

    def compute(_: str, heatmaps: np.ndarray) -> Values:
        parts: dict[str, list[np.ndarray]] = {metric.name: [] for metric in metrics}
        for i in range(0, split.num_images, NUM_HEATMAPS):
            part = slice(i, i + NUM_HEATMAPS)
            images, labels = scale_images(split.images[part]), split.labels[part]
            peaks = scale_to_peak(np.asarray(heatmaps[part]))
            masks = leak.binarise(peaks, threshold=THRESHOLD)
            ink = np.full_like(images, 0.0 if fill_value >= 0.5 else 1.0)
            for name, shown in (
                ("evalx_accuracy", images),
                ("mask_alone_accuracy", ink),
            ):
                parts[name].append(
                    leak.masked_accuracy(
                        predict,
                        shown,
                        labels,
                        masks,
                        fill_value=fill_value,
                        batch_size=batch_size,
                    )
                )
        return {name: np.concatenate(values) for name, values in parts.items()}

    return Measure("leak", metrics, compute)
