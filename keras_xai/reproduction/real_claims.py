"""The first paper's claims on real images, each held against the numbers."""

from collections.abc import Callable, Mapping
from typing import Any

from keras_xai.reproduction import ledger
from keras_xai.reproduction.groups import Group, Result, finished
from keras_xai.reproduction.ledger import Claim

PAPER = "IbPRIA19 Sec. 2.4"
PAPER_GROUP = "cue-conflict_joint-2019_content"
OUR_GROUP = "cue-conflict_joint_content"


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
        "pictures",
        _mass_above_baselines,
        least=0.05,
    ),
    Claim(
        "fig8-pieces",
        "Fig. 8: the highlighted components are not connected; the number is that of "
        "pieces above .75",
        "pictures",
        _masks("num_pieces"),
        least=2,
    ),
    Claim(
        "fig8-parts",
        "Fig. 8: highlighted are a bottle's neck and label, a car's bumper, a "
        "bicycle's handles and seat, a chair's legs; no annotation tells parts, the "
        "number is the share of the image above .75",
        "pictures",
        _masks("above_threshold"),
    ),
    Claim(
        "accuracy",
        "Sec. 2.4: the model is trained on 16 classes of 80 images; the number is its "
        "accuracy on content it has not seen, chance being .06",
        "not given",
        lambda result: result["result"]["joint"]["accuracy"],
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
    return ledger.judge(
        claim,
        finished(groups[PAPER_GROUP]),
        finished(groups[OUR_GROUP]),
        identity={
            "id": f"real-{claim.id}",
            "paper": PAPER,
            "command": f"keras-xai reproduce real --profile {profile}",
        },
        recipe="joint-photographs",
        profile=profile,
    )
