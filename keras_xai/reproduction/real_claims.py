"""The first paper's claims on real images, each held against the numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from keras_xai.reproduction.ledger import judge_recipes, ledger_row
from keras_xai.reproduction.real_measures import Group, Result, finished

PAPER = "IbPRIA19 Sec. 2.4"
PAPER_GROUP = "cue-conflict_joint-2019_content"
OUR_GROUP = "cue-conflict_joint_content"


class Claim(NamedTuple):
    """A statement of the paper and the number that can be told about it.

    Attributes:
        id: short and unique.
        text: the statement, with its place in the paper.
        paper_value: the paper's number or words.
        measure: from a cell's file to the number.
        holds: whether the mean over seeds supports the statement; None if no number
            could.
    """

    id: str
    text: str
    paper_value: str
    measure: Callable[[Result], float]
    holds: Callable[[float], bool] | None


def _masks(name: str) -> Callable[[Result], float]:
    return lambda result: result["result"]["masks"]["own"][name]


def _mass_above_baselines(result: Result) -> float:
    mass = {
        whose: masks["mass_on_object"]
        for whose, masks in result["result"]["masks"].items()
    }
    return mass.pop("own") - max(mass.values())


CLAIMS = (
    Claim(
        "fig8-object",
        "Fig. 8: explanations are oriented towards components of the objects; the "
        "number is the share of the mask's mass on the object's silhouette, less that "
        "of another image's mask, a Gaussian at the centre or edges, whichever is most",
        "> 0",
        _mass_above_baselines,
        lambda mean: mean >= 0.05,
    ),
    Claim(
        "fig8-pieces",
        "Fig. 8: the highlighted components are not connected; the number is that of "
        "pieces above .75",
        "> 1",
        _masks("num_pieces"),
        lambda mean: mean >= 2,
    ),
    Claim(
        "fig8-parts",
        "Fig. 8: highlighted are a bottle's neck and label, a car's bumper, a "
        "bicycle's handles and seat, a chair's legs; no annotation tells parts, the "
        "number is the share of the image above .75",
        "not given",
        _masks("above_threshold"),
        None,
    ),
    Claim(
        "accuracy",
        "Sec. 2.4: the model is trained on 16 classes of 80 images; the number is its "
        "accuracy on content it has not seen, chance being .06",
        "not given",
        lambda result: result["result"]["joint"]["accuracy"],
        None,
    ),
)


def judge(claim: Claim, groups: Mapping[str, Group], profile: str) -> dict[str, Any]:
    """Holds a claim against the numbers.

    Args:
        claim: one of `CLAIMS`.
        groups: setting to its cells' files.
        profile: the cells' profile.

    Returns:
        A row of the ledger.
    """
    paper, ours = finished(groups[PAPER_GROUP]), finished(groups[OUR_GROUP])
    return ledger_row(
        {
            "id": f"real-{claim.id}",
            "paper": PAPER,
            "claim": claim.text,
            "paper_value": claim.paper_value,
        },
        paper,
        ours,
        claim.measure,
        profile=profile,
        verdict=_verdict(claim, paper, ours),
        command=f"keras-xai reproduce real --profile {profile}",
    )


def _verdict(claim: Claim, paper: Sequence[Result], ours: Sequence[Result]) -> str:
    if claim.holds is None:
        return "not testable" if paper else "missing"
    return judge_recipes(
        [claim.measure(result) for result in paper],
        [claim.measure(result) for result in ours],
        claim.holds,
    )
