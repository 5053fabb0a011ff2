"""Do heatmaps lie on their targets?"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from keras_xai.comparison.heatmaps import THRESHOLD, scale_to_peak
from keras_xai.comparison.measures import NUM_HEATMAPS, Measure, Metric, Values
from keras_xai.comparison.samples import Region
from keras_xai.evaluation import localization


class _Entry(NamedTuple):
    name: str
    label: str
    higher_is_better: bool
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray] | str  # of the order
    description: str


def _iou(heatmaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return localization.iou(scale_to_peak(heatmaps), masks, threshold=THRESHOLD)


def _pompom(heatmaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return localization.pompom(scale_to_peak(heatmaps), masks)


_LOCALISATION = (
    _Entry(
        "mass",
        "mass",
        True,
        localization.relevance_mass,
        "share of the positive relevance that lies in the region (relevance mass "
        "accuracy, Arras et al. 2022)",
    ),
    _Entry(
        "rank",
        "rank",
        True,
        "relevance_rank",
        "share of the region found by as many of the most relevant pixels (relevance "
        "rank accuracy, Arras et al. 2022)",
    ),
    _Entry(
        "pointing",
        "pointing game",
        True,
        localization.pointing_game,
        "whether the strongest pixel lies in the region (Zhang et al. 2018)",
    ),
    _Entry(
        "iou",
        f"IoU at {THRESHOLD} of peak",
        True,
        _iou,
        f"overlap of the region and the pixels above {THRESHOLD} of the heatmap's peak "
        "(intersection over union; [IbPRIA19] Sec. 3 has the threshold, of a mask)",
    ),
    _Entry(
        "best_iou",
        "best IoU",
        True,
        "best_iou",
        "overlap of region and heatmap at each image's best threshold (after Choe et "
        "al. 2020)",
    ),
    _Entry(
        "roc_auc",
        "ROC AUC",
        True,
        "roc_auc",
        "how often a pixel of the region is above one that is not (Fawcett 2006)",
    ),
    _Entry(
        "average_precision",
        "AP",
        True,
        "average_precision",
        "average precision of the pixels in the order of their relevance (Davis and "
        "Goadrich 2006)",
    ),
    _Entry(
        "pompom",
        "POMPOM",
        False,
        _pompom,
        "share of the pixels off the region that are lit at all, by more than 1e-6 of "
        "the heatmap's peak (Rio-Torto et al. 2020)",
    ),
)


def localisation_measure(
    region: Region, name: str, meaning: str, *, tolerance: int, fact: str = ""
) -> Measure:
    """Measures whether heatmaps lie on their targets, over the positives.

    A method's values come in the order of `region.images`. The chance level is what a
    constant heatmap scores on the same images.

    Args:
        region: where the targets are; there is at least one.
        name: of the region, in a word; in the metrics' names and labels.
        meaning: the region in words.
        tolerance: of the tolerant pointing game, in pixels.
        fact: of the metrics.
    """
    entries = _entries(tolerance)

    def compute(_: str, heatmaps: np.ndarray) -> Values:
        parts = []
        for i in range(0, len(region.images), NUM_HEATMAPS):
            images = region.images[i : i + NUM_HEATMAPS]
            masks, shown = region.draw(images), np.asarray(heatmaps[images])
            of_order = localization.order_measures(shown, masks)
            parts.append(
                [
                    of_order[entry.measure]
                    if isinstance(entry.measure, str)
                    else entry.measure(shown, masks)
                    for entry in entries
                ]
            )
        columns = map(np.concatenate, zip(*parts, strict=True))
        names = [f"{entry.name}_{name.lower()}" for entry in entries]
        return dict(zip(names, columns, strict=True))

    height, width = region.draw(region.images[:1]).shape[1:]
    shape = (int(region.images.max()) + 1, height, width)
    chance = compute("", np.broadcast_to(np.float32(1), shape))
    return Measure(
        f"{name.lower()}s",
        [
            Metric(
                metric,
                _label(name, entry),
                "ground truth",
                entry.higher_is_better,
                f"Over the positives: {entry.description}; the region is {meaning}.",
                float(chance[metric].mean()),
                fact,
            )
            for metric, entry in zip(chance, entries, strict=True)
        ],
        compute,
    )


def list_labels(name: str, *, tolerance: int) -> list[str]:
    """Lists the labels of `localisation_measure`'s metrics."""
    return [_label(name, entry) for entry in _entries(tolerance)]


def _label(name: str, entry: "_Entry") -> str:
    return f"{name}: {entry.label}"


def _entries(tolerance: int) -> list[_Entry]:
    tolerant = _Entry(
        "pointing_tolerant",
        f"pointing game, {tolerance} px",
        True,
        partial(localization.pointing_game, tolerance=tolerance),
        f"whether the strongest pixel lies within {tolerance} pixels of the region "
        "(Zhang et al. 2018, whose tolerance is 15)",
    )
    return [*_LOCALISATION[:3], tolerant, *_LOCALISATION[3:]]
