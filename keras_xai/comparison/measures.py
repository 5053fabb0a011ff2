"""What a measure is: columns of the comparison, and the function that fills them."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

Group = Literal["ground truth", "faithfulness", "sanity", "complexity"]
Values = dict[str, np.ndarray]  # metric name to one value an image, `(n,)` float64

VERSION = 2  # of all definitions; what was measured by another is measured again
NUM_HEATMAPS = 16  # in memory at a time


class Metric(NamedTuple):
    """A column of the comparison.

    Attributes:
        name: in snake case, unique.
        label: for people.
        group: the question it belongs to.
        higher_is_better: None for a description, which ranks nobody.
        description: one sentence, with its source.
        chance: what a heatmap or mask that knows nothing scores, if that is known.
        fact: what must be known of these images or this classifier, if anything.
    """

    name: str
    label: str
    group: Group
    higher_is_better: bool | None
    description: str
    chance: float | None = None
    fact: str = ""


class Measure(NamedTuple):
    """Metrics that are computed together.

    Attributes:
        title: what is being measured, for the progress.
        metrics: the columns.
        compute: from a method's name and its `(num_images, height, width)` heatmaps to
            the values of each metric; without what this method cannot have.
    """

    title: str
    metrics: list[Metric]
    compute: Callable[[str, np.ndarray], Values]
