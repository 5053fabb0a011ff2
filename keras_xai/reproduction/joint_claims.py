"""The first paper's claims, each held against the numbers of its cells."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras_xai.reproduction.ledger import judge_recipes, ledger_row

PAPER = "IbPRIA19"
Result = dict[str, Any]


class Claim(NamedTuple):
    """A statement of the paper that a number can support or refute.

    Attributes:
        id: short and unique.
        text: the statement, with its place in the paper.
        paper_value: the paper's number or words.
        measure: from a cell's file to the number that decides.
        holds: whether the mean over seeds supports the statement.
        paper_group: the cells of the paper's recipe; `{size}` is filled in.
        our_group: the cells of our recipe that answer the same question.
    """

    id: str
    text: str
    paper_value: str
    measure: Callable[[Result], float]
    holds: Callable[[float], bool]
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


CLAIMS = (
    Claim(
        "fig7-alone",
        "Fig. 7: the classifier alone stays close to 62 % (the majority rate); the "
        "number is its accuracy less the majority rate",
        "0.00",
        _above_majority,
        lambda mean: abs(mean) <= 0.02,
        "joint-2019_l1-1e-06_paper-{size}",
        "joint_l1-x1_paper-{size}",
    ),
    Claim(
        "fig7-joint",
        "Fig. 7: with the explainer the accuracy reaches 100 %",
        "1.00",
        _final("val_accuracy"),
        lambda mean: mean >= 0.99,
        "joint-2019_l1-1e-06_paper-{size}",
        "joint_l1-x1_paper-{size}",
    ),
    Claim(
        "fig7-gain",
        "Sec. 3: the explainer improves the classifier's accuracy (100 % against 62 %)",
        "0.38",
        _gain,
        lambda mean: mean >= 0.05,
        "joint-2019_l1-1e-06_paper-{size}",
        "joint_l1-x1_paper-{size}",
    ),
    Claim(
        "fig4-none",
        "Fig. 4: without regularisation the whole image is the explanation; the number "
        "is the mask's mean",
        "1",
        _final("val_coverage"),
        lambda mean: mean >= 0.75,
        "joint-2019_l1-0_paper-{size}",
        "joint_l1-x0_paper-{size}",
    ),
    Claim(
        "fig4-colour",
        "Fig. 4: with a colour cue and without regularisation only the target is "
        "explained; the number is the share of the mask's mass on it",
        "1",
        _final("val_mass_on_target"),
        lambda mean: mean >= 0.6,
        "joint-2019_l1-0_paper-colour-{size}",
        "",
    ),
    Claim(
        "fig5-weak",
        "Fig. 5: with an L1 of 1e-8 target and circles are explained; the number is "
        "the share of the mask's mass on shapes",
        "1",
        _mass_on_shapes,
        lambda mean: mean >= 0.6,
        "joint-2019_l1-1e-08_paper-{size}",
        "joint_l1-x0.1_paper-{size}",
    ),
    Claim(
        "fig5-middle",
        "Fig. 5: with an L1 of 1e-6 the target is clearly highlighted; the number is "
        "the share of the mask's mass on it",
        "1",
        _final("val_mass_on_target"),
        lambda mean: mean >= 0.6,
        "joint-2019_l1-1e-06_paper-{size}",
        "joint_l1-x1_paper-{size}",
    ),
    Claim(
        "fig5-strong",
        "Fig. 5: with an L1 of 1e-4 the explanation disappears; the number is the "
        "mask's mean",
        "0",
        _final("val_coverage"),
        lambda mean: mean <= 0.001,
        "joint-2019_l1-0.0001_paper-{size}",
        "joint_l1-x10_paper-{size}",
    ),
)


def judge(
    claim: Claim,
    size: int,
    groups: dict[str, dict[int, Result | None]],
    profile: str,
) -> dict[str, Any] | None:
    """Holds a claim against the numbers.

    Returns:
        A row of the ledger; None where the sweep has no such cell.
    """
    paper_group = claim.paper_group.format(size=size)
    if paper_group not in groups:
        return None
    paper = [r for r in groups[paper_group].values() if r is not None]
    ours = [
        r
        for r in groups.get(claim.our_group.format(size=size), {}).values()
        if r is not None
    ]
    verdict = judge_recipes(
        [claim.measure(r) for r in paper],
        [claim.measure(r) for r in ours] if claim.our_group else None,
        claim.holds,
    )
    return ledger_row(
        {
            "id": f"joint-{claim.id}-{size}",
            "paper": PAPER,
            "claim": claim.text,
            "paper_value": claim.paper_value,
        },
        paper,
        ours,
        claim.measure,
        profile=profile,
        verdict=verdict,
        command=f"keras-xai reproduce joint --profile {profile}",
    )
