"""How much of an image do heatmaps ask the reader to look at?"""

import numpy as np

from keras_xai.comparison.measures import NUM_HEATMAPS, Measure, Metric, Values
from keras_xai.evaluation import complexity


def complexity_measure() -> Measure:
    """Measures how much of an image heatmaps ask the reader to look at."""
    metrics = [
        Metric(
            "entropy",
            "Entropy",
            "complexity",
            False,
            "Spread of the absolute relevance in nats (Bhatt et al. 2020).",
        ),
        Metric(
            "gini",
            "Gini index",
            "complexity",
            True,
            "Inequality of the absolute relevance, 1 being a single pixel (Chalasani "
            "et al. 2020).",
        ),
    ]

    def compute(_: str, heatmaps: np.ndarray) -> Values:
        functions = {"entropy": complexity.entropy, "gini": complexity.gini}
        return {
            name: np.concatenate(
                [
                    function(np.asarray(heatmaps[i : i + NUM_HEATMAPS]))
                    for i in range(0, len(heatmaps), NUM_HEATMAPS)
                ]
            )
            for name, function in functions.items()
        }

    return Measure("complexity", metrics, compute)
