"""Do heatmaps depend on what the classifier learned?"""

from collections.abc import Callable

import keras
import numpy as np

from keras_xai.analyzers.network import build_float32, build_untrained_float32
from keras_xai.comparison.measures import Measure, Metric, Values
from keras_xai.evaluation import sanity

SEED_PART = 4_711  # or a model's own seed could draw the weights it started from
LABELS = ("Rank correlation, random classifier", "SSIM, random classifier")


def randomise_classifier(classifier: keras.Model, seed: int) -> keras.Model:
    """Builds the classifier with all that it learned drawn anew.

    Args:
        classifier: any functional or Sequential model.
        seed: of the weights. Sets Keras' global seed.

    Returns:
        A model of the same layers, in float32.
    """
    entropy = np.random.SeedSequence((seed, SEED_PART))
    keras.utils.set_random_seed(int(entropy.generate_state(1)[0]))
    return build_untrained_float32(classifier)


def randomise_joint(joint: keras.Model, seed: int) -> keras.Model:
    """Builds the joint model with its classifier's weights drawn anew.

    The explainer keeps its own: the question is what an explanation owes to the
    classifier it explains.

    Args:
        joint: a model from `build_joint`.
        seed: of the weights. Sets Keras' global seed.

    Returns:
        A model of the same layers, in float32.
    """
    copy = build_float32(joint)
    random = randomise_classifier(joint.get_layer("classifier"), seed)
    copy.get_layer("classifier").set_weights(random.get_weights())
    return copy


def randomisation_measure(
    heatmaps_after: Callable[[str], np.ndarray | None], num_images: int
) -> Measure:
    """Measures how far heatmaps stay what they were when the classifier is random.

    Absolute values are compared, so that a heatmap that only changes its sign has not
    changed. Nor has one whose order of pixels is turned round: what is asked is whether
    one heatmap tells the other.

    Args:
        heatmaps_after: from a method's name to its heatmaps `(num_images, height,
            width)` of the random classifier, or None if it has none.
        num_images: of the first images, how many.
    """
    what = (
        f"all weights of the classifier were drawn anew (first {num_images} images; "
        "Adebayo et al. 2018), whose own answers are then explained; 1 means that the "
        "heatmap owes nothing to what the classifier learned. The joint model keeps "
        "its explainer, so that its mask scores 1 by construction"
    )
    metrics = [
        Metric(
            "randomised_rank",
            LABELS[0],
            "sanity",
            False,
            "Size of Spearman's correlation, whichever its sign, of absolute values "
            f"with those before {what}.",
        ),
        Metric(
            "randomised_ssim",
            LABELS[1],
            "sanity",
            False,
            "Size of the structural similarity, whichever its sign, of absolute values "
            f"to those before {what}.",
        ),
    ]

    def compute(method: str, heatmaps: np.ndarray) -> Values:
        after = heatmaps_after(method)
        if after is None:
            return {}
        pair = np.abs(heatmaps[:num_images]), np.abs(after)
        return {
            "randomised_rank": np.abs(sanity.rank_correlation(*pair)),
            "randomised_ssim": np.abs(sanity.structural_similarity(*pair)),
        }

    return Measure("randomisation", metrics, compute)
