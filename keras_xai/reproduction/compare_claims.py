"""The first paper's Fig. 6, held against the numbers of comparisons."""

from collections.abc import Mapping
from typing import Any

from keras_xai.analyzers.methods import METHODS
from keras_xai.comparison.heatmaps import JOINT
from keras_xai.reproduction import ledger
from keras_xai.reproduction.groups import Group, Result, finished
from keras_xai.reproduction.joint import OUR_PRICE
from keras_xai.reproduction.ledger import Claim

PAPER = "IbPRIA19 Fig. 6"
TEN = {name for name, spec in METHODS.items() if spec.in_paper}
PAPER_TRAININGS = ("joint-2019_l1-1e-06",)
OUR_TRAININGS = tuple(f"joint_l1-{price}" for price in OUR_PRICE.values())


def judge(groups: Mapping[str, Group], data: str, profile: str) -> dict[str, Any]:
    """Holds Fig. 6 against the numbers.

    Args:
        groups: setting to seed to file.
        data: the part of a setting's name that tells data set and size.
        profile: the cells' profile.

    Returns:
        A row of the ledger.
    """
    paper, ours = (
        [
            result
            for name in names
            for result in finished(groups.get(f"{name}_{data}", {}))
            if _has_the_ten(result)
        ]
        for names in (PAPER_TRAININGS, OUR_TRAININGS)
    )
    return ledger.judge(
        CLAIM,
        paper,
        ours,
        identity={
            "id": f"compare-fig6-{data}",
            "paper": PAPER,
            "command": f"keras-xai reproduce compare --profile {profile}",
        },
        recipe="joint",
        profile=profile,
    )


def mass_above_analyzers(result: Result) -> float:
    """Takes from the mask's relevance mass that of the best of the paper's methods."""
    values = result["result"]["values"]
    return values[JOINT]["mass_target"]["mean"] - max(
        values[name]["mass_target"]["mean"] for name in TEN
    )


def _has_the_ten(result: Result) -> bool:
    """Tells whether the mask and all ten have heatmaps."""
    methods = result["result"]["methods"]
    return TEN | {JOINT} <= {m["name"] for m in methods if m["failure"] is None}


CLAIM = Claim(
    "fig6",
    "Fig. 6: the explainer highlights the target where the ten methods mostly mark "
    "corners; the number is the share of the mask's mass on the target less that of "
    "the best of the ten",
    "pictures",
    mass_above_analyzers,
    least=0.05,
)
