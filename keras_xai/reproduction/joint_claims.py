"""The first paper's claims, each held against the numbers of its cells."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from keras_xai.reproduction import ledger
from keras_xai.reproduction.groups import Group, Result, finished
from keras_xai.reproduction.joint import OUR_PRICE, SIZES
from keras_xai.reproduction.ledger import Claim

PAPER = "IbPRIA19"


class Question(NamedTuple):
    """A claim, and the cells that answer it; `{size}` and our `{price}` are filled in.

    Attributes:
        claim: of the paper.
        paper_group: the cells of the paper's recipe.
        our_group: those of ours; empty if there are none.
    """

    claim: Claim
    paper_group: str
    our_group: str


def _final(column: str) -> Callable[[Result], float]:
    return lambda result: result["result"]["final"][column]


def stage_accuracy(stage: str) -> Callable[[Result], float]:
    """Returns a measure: the validation accuracy at the end of a stage."""

    def measure(result: Result) -> float:
        log = result["result"]["log"]
        last = max(i for i, name in enumerate(log["stage"]) if name == stage)
        return log["val_accuracy"][last]

    return measure


def _above_majority(result: Result) -> float:
    alone = stage_accuracy("classifier")(result)
    return alone - result["result"]["final"]["majority_rate"]


def _gain(result: Result) -> float:
    return _final("val_accuracy")(result) - stage_accuracy("classifier")(result)


def _mass_on_shapes(result: Result) -> float:
    final = result["result"]["final"]
    return final["val_mass_on_target"] + final["val_mass_on_distractors"]


QUESTIONS = (
    Question(
        Claim(
            "fig7-alone",
            "Fig. 7: the classifier alone stays close to 62 % (the majority rate); the "
            "number is its accuracy less the majority rate",
            "0.00",
            _above_majority,
            -0.02,
            0.02,
        ),
        "joint-2019_l1-1e-06_paper-{size}",
        "joint_l1-{price}_paper-{size}",
    ),
    Question(
        Claim(
            "fig7-joint",
            "Fig. 7: with the explainer the accuracy reaches 100 %",
            "1.00",
            _final("val_accuracy"),
            least=0.99,
        ),
        "joint-2019_l1-1e-06_paper-{size}",
        "joint_l1-{price}_paper-{size}",
    ),
    Question(
        Claim(
            "fig7-gain",
            "Sec. 3: the explainer improves the classifier's accuracy (100 % against "
            "62 %); the number is the gain",
            "0.38",
            _gain,
            least=0.05,
        ),
        "joint-2019_l1-1e-06_paper-{size}",
        "joint_l1-{price}_paper-{size}",
    ),
    Question(
        Claim(
            "fig4-none",
            "Fig. 4: without regularisation the whole image is the explanation; the "
            "number is the mask's mean",
            "a picture",
            _final("val_coverage"),
            least=0.75,
        ),
        "joint-2019_l1-0_paper-{size}",
        "joint_l1-x0_paper-{size}",
    ),
    Question(
        Claim(
            "fig4-colour",
            "Fig. 4: with a colour cue and without regularisation only the target is "
            "explained; the number is the share of the mask's mass on it",
            "a picture",
            _final("val_mass_on_target"),
            least=0.6,
        ),
        "joint-2019_l1-0_paper-colour-{size}",
        "",
    ),
    Question(
        Claim(
            "fig5-weak",
            "Fig. 5: with an L1 of 1e-8 (ours: a tenth of its price) target and "
            "circles are explained; the number is the share of the mask's mass on "
            "shapes",
            "a picture",
            _mass_on_shapes,
            least=0.6,
        ),
        "joint-2019_l1-1e-08_paper-{size}",
        "joint_l1-x0.1_paper-{size}",
    ),
    Question(
        Claim(
            "fig5-middle",
            "Fig. 5: with an L1 of 1e-6 (ours: its price) the target is clearly "
            "highlighted; the number is the share of the mask's mass on it",
            "a picture",
            _final("val_mass_on_target"),
            least=0.6,
        ),
        "joint-2019_l1-1e-06_paper-{size}",
        "joint_l1-{price}_paper-{size}",
    ),
    Question(
        Claim(
            "fig5-strong",
            "Fig. 5: with an L1 of 1e-4 (ours: ten times its price) the explanation "
            "disappears; the number is the share of the positives whose mask has a "
            "pixel above .75",
            "a picture",
            lambda result: result["result"]["lit_positives"],
            most=0.05,
        ),
        "joint-2019_l1-0.0001_paper-{size}",
        "joint_l1-x10_paper-{size}",
    ),
)


def judge(
    question: Question,
    size: int,
    groups: Mapping[str, Group],
    profile: str,
) -> dict[str, Any] | None:
    """Holds a claim against the numbers.

    Returns:
        A row of the ledger; None where the sweep has no such cell.
    """
    paper_group = question.paper_group.format(size=size)
    if paper_group not in groups:
        return None
    price = OUR_PRICE["full" if size == SIZES[profile]["full"][0] else "half"]
    our_group = groups.get(question.our_group.format(size=size, price=price), {})
    return ledger.judge(
        question.claim,
        finished(groups[paper_group]),
        finished(our_group) if question.our_group else None,
        identity={
            "id": f"joint-{question.claim.id}-{size}",
            "paper": PAPER,
            "command": f"keras-xai reproduce joint --profile {profile}",
        },
        recipe="joint",
        profile=profile,
    )
