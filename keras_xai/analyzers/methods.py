"""Which of iNNvestigate's analyzers are used, and how."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_xai.errors import InputError


def _no_options(low: float, high: float) -> dict[str, Any]:
    return {}


@dataclasses.dataclass(frozen=True)
class AnalyzerSpec:
    """One of iNNvestigate's analyzers, and how it is used.

    Channels become one heatmap by their sum if the method is signed, which keeps
    evidence for and against the class apart and their total as it is. They become the
    sum of absolute values if it is not: a gradient's sign says in which direction to
    change a pixel, not whether the pixel speaks for the class.
    """

    analyzer: str  # iNNvestigate's name
    # Its arguments, for a network whose input ranges from low to high.
    options: Callable[[float, float], dict[str, Any]] = _no_options
    samples: str | None = None  # the argument: how many inputs stand for an image
    signed: bool = True
    relu_only: bool = False  # its rule is one for ReLU
    in_paper: bool = False  # one of the ten of [IbPRIA19] Fig. 6, as far as it is told


# The options are those of the notebook in which iNNvestigate's authors compare methods
# (examples/notebooks/imagenet_compare_methods.ipynb, 2019), but for SmoothGrad's
# squares. [IbPRIA19] names five kinds of method, and shows ten heatmaps without names.
METHODS: Mapping[str, AnalyzerSpec] = {
    "gradient": AnalyzerSpec("gradient", signed=False, in_paper=True),
    "smoothgrad": AnalyzerSpec(
        "smoothgrad",
        lambda low, high: {"noise_scale": 0.1 * (high - low)},
        samples="augment_by_n",
        signed=False,
        in_paper=True,
    ),
    "input_t_gradient": AnalyzerSpec("input_t_gradient", in_paper=True),
    "integrated_gradients": AnalyzerSpec(
        "integrated_gradients",
        lambda low, high: {"reference_inputs": low},
        samples="steps",
        in_paper=True,
    ),
    "deconvnet": AnalyzerSpec("deconvnet", signed=False, relu_only=True, in_paper=True),
    "guided_backprop": AnalyzerSpec(
        "guided_backprop", signed=False, relu_only=True, in_paper=True
    ),
    "deep_taylor": AnalyzerSpec("deep_taylor"),
    "deep_taylor.bounded": AnalyzerSpec(
        "deep_taylor.bounded",
        lambda low, high: {"low": low, "high": high},
        in_paper=True,
    ),
    "lrp.z": AnalyzerSpec("lrp.z", in_paper=True),
    "lrp.epsilon": AnalyzerSpec(
        "lrp.epsilon", lambda low, high: {"epsilon": 1}, in_paper=True
    ),
    "lrp.alpha_2_beta_1": AnalyzerSpec("lrp.alpha_2_beta_1"),
    "lrp.alpha_1_beta_0": AnalyzerSpec("lrp.alpha_1_beta_0"),
    "lrp.sequential_preset_a_flat": AnalyzerSpec(
        "lrp.sequential_preset_a_flat", lambda low, high: {"epsilon": 1}, in_paper=True
    ),
    "lrp.sequential_preset_b_flat": AnalyzerSpec(
        "lrp.sequential_preset_b_flat", lambda low, high: {"epsilon": 1}
    ),
}
NUM_SAMPLES = 64  # that notebook's, for SmoothGrad and integrated gradients
# What else iNNvestigate 2.1.2 knows. "lrp", "lrp.alpha_beta" and "…_until_idx" need
# arguments, which an `AnalyzerSpec` of one's own can give; as they are they fail.
OTHER_METHODS = (
    "gradient.baseline",
    "input",
    "lrp",
    "lrp.alpha_beta",
    "lrp.alpha_1_beta_0_IB",
    "lrp.alpha_2_beta_1_IB",
    "lrp.flat",
    "lrp.sequential_preset_a",
    "lrp.sequential_preset_b",
    "lrp.sequential_preset_b_flat_until_idx",
    "lrp.w_square",
    "lrp.z_plus",
    "lrp.z_plus_fast",
    "random",
)


def select_methods(names: Sequence[str]) -> dict[str, AnalyzerSpec]:
    """Looks up methods by name.

    Raises:
        InputError: if a name is unknown; the message lists the known ones.
    """
    for name in names:
        if name not in METHODS and name not in OTHER_METHODS:
            raise InputError(
                f"Unknown method '{name}'. "
                f"Expected one of: {', '.join([*METHODS, *OTHER_METHODS])}."
            )
    return {
        name: METHODS.get(name, AnalyzerSpec(name, signed=name != "gradient.baseline"))
        for name in names
    }


def describe_limits(
    methods: Mapping[str, AnalyzerSpec], activations: Sequence[str]
) -> dict[str, str]:
    """Says of methods what else they are on a network like this one.

    Args:
        methods: by name.
        activations: the network's, from `Network.activations`.

    Returns:
        One sentence for each method that there is something to say of.
    """
    others = [activation for activation in activations if activation != "relu"]
    if not others:
        return {}
    sentence = (
        f"Its rule is one for ReLU; through {', '.join(others)} it is the gradient."
    )
    return {name: sentence for name, spec in methods.items() if spec.relu_only}
