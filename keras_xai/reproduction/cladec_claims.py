"""The seven inequalities of the second paper, each tested over seeds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from keras_xai.reproduction.groups import Group, Result
from keras_xai.reproduction.ledger import spread

PAPER = "IDA21"
SIGNIFICANCE = 0.05
SEEDS_OF_A_TIE = 3  # fewer that tell no difference have not looked
Settings = Mapping[str, Group]  # a setting's name to its cells


def _total(result: Result) -> float:
    alpha, test = result["spec"]["config"]["alpha"], result["result"]["test"]
    return (1 - alpha) * test["squared_error"] + alpha * test["cross_entropy"]


MEASURES: dict[str, Callable[[Result], float]] = {
    "rec": lambda r: r["result"]["test"]["squared_error"],
    "rec_train": lambda r: r["result"]["train_squared_error"],
    "accuracy": lambda r: r["result"]["evaluation_accuracy"],
    "classifier_accuracy": lambda r: r["result"]["classifier_accuracy"],
    "classifier_loss": lambda r: r["result"]["test"]["cross_entropy"],
    "total": _total,
    "mean_image": lambda r: r["result"]["mean_image_error"],
    "ssim": lambda r: r["result"]["test"]["ssim"],
    "feature_cosine": lambda r: r["result"]["test"]["feature_cosine"],
    "agreement": lambda r: r["result"]["test"]["agreement"],
}


class Term(NamedTuple):
    """A measure of a setting, added to or taken from a difference."""

    sign: int
    measure: str
    setting: str


class Comparison(NamedTuple):
    """A difference that should be positive.

    Attributes:
        text: what is compared.
        terms: what the difference is made of, seed by seed.
        may_tie: whether the paper allows for no difference.
    """

    text: str
    terms: tuple[Term, ...]
    may_tie: bool = False


class Claim(NamedTuple):
    """A statement of the paper; the first comparison is its headline."""

    id: str
    text: str
    paper_value: str
    comparisons: tuple[Comparison, ...]


def _more(
    measure: str, larger: str, smaller: str, *, may_tie: bool = False
) -> Comparison:
    return Comparison(
        f"{measure}: {larger} {'≥' if may_tie else '>'} {smaller}",
        (Term(1, measure, larger), Term(-1, measure, smaller)),
        may_tie,
    )


def _gap_grows(upper: int, lower: int) -> Comparison:
    return Comparison(
        f"rec: ClaDec − RefAE, layer {upper} > layer {lower}",
        (
            Term(1, "rec", f"layer{upper}_cladec-a0"),
            Term(-1, "rec", f"layer{upper}_ref-ae"),
            Term(-1, "rec", f"layer{lower}_cladec-a0"),
            Term(1, "rec", f"layer{lower}_ref-ae"),
        ),
    )


def _layers(
    measure: str, larger: str, smaller: str, ties: tuple[int, ...]
) -> tuple[Comparison, ...]:
    return tuple(
        _more(
            measure,
            f"layer{layer}_{larger}",
            f"layer{layer}_{smaller}",
            may_tie=layer in ties,
        )
        for layer in (-1, -3, -5)
    )


def _along(measure: str, *settings: str) -> tuple[Comparison, ...]:
    """Compares neighbours of a falling row."""
    return tuple(
        _more(measure, larger, smaller)
        for larger, smaller in zip(settings, settings[1:], strict=False)
    )


LAST_CONV = "layer-2_cladec-a"
CLAIMS = (
    Claim(
        "rec-above-reference",
        "Table 1: ClaDec's reconstruction loss is above RefAE's; at layer -5 it may "
        "tie; the number is the difference at layer -1",
        "20.12",
        _layers("rec", "cladec-a0", "ref-ae", ties=(-5,)),
    ),
    Claim(
        "gap-grows",
        "Table 1: the difference between the two grows towards the output; the number "
        "is by how much from layer -3 to -1",
        "19.19",
        (_gap_grows(-1, -3), _gap_grows(-3, -5)),
    ),
    Claim(
        "rec-grows",
        "Table 1: both reconstruction losses grow towards the output, ClaDec's more; "
        "the number is by how much more, from layer -5 to -1",
        "20.06",
        (
            _gap_grows(-1, -5),
            *_along(
                "rec", "layer-1_cladec-a0", "layer-3_cladec-a0", "layer-5_cladec-a0"
            ),
            *_along("rec", "layer-1_ref-ae", "layer-3_ref-ae", "layer-5_ref-ae"),
        ),
    ),
    Claim(
        "accuracy-above-reference",
        "Table 1: evaluation accuracy is higher on ClaDec's reconstructions; at layer "
        "-5 it may tie; the number is the difference at layer -1",
        ".06",
        _layers("accuracy", "cladec-a0", "ref-ae", ties=(-5,)),
    ),
    Claim(
        "accuracy-by-layer",
        "Sec. 5.2: towards the output RefAE's evaluation accuracy falls and ClaDec's "
        "does not; the number is RefAE's fall from layer -5 to -3",
        ".012",
        (
            *_along("accuracy", "layer-5_ref-ae", "layer-3_ref-ae", "layer-1_ref-ae"),
            _more("accuracy", "layer-1_cladec-a0", "layer-5_cladec-a0", may_tie=True),
        ),
    ),
    Claim(
        "alpha",
        "Table 2: any classification loss lifts evaluation accuracy, and the "
        "reconstruction loss rises with its weight; the number is the accuracy's rise "
        "from a weight of 0 to .9",
        ".0187",
        (
            *(
                _more("accuracy", f"{LAST_CONV}{alpha:g}", f"{LAST_CONV}0")
                for alpha in (0.9, 0.999, 1.0)
            ),
            *_along("rec", *(f"{LAST_CONV}{a:g}" for a in (1.0, 0.999, 0.9, 0.0))),
        ),
    ),
    Claim(
        "classification-only",
        "Sec. 5.1: with classification loss alone images are unrecognisable (worse "
        "than the mean image), and evaluation accuracy no lower than with both; the "
        "number is the loss less that of the mean image",
        "285.5 less a loss not given",
        (
            Comparison(
                f"rec of {LAST_CONV}1 > error of the mean image",
                (
                    Term(1, "rec", f"{LAST_CONV}1"),
                    Term(-1, "mean_image", f"{LAST_CONV}1"),
                ),
            ),
            *(
                _more("accuracy", f"{LAST_CONV}1", f"{LAST_CONV}{a:g}", may_tie=True)
                for a in (0.9, 0.999)
            ),
        ),
    ),
)


def judge(
    claim: Claim, group: Settings, epochs: int, profile: str, command: str
) -> dict[str, Any]:
    """Holds a claim against the numbers.

    Args:
        claim: one of `CLAIMS`.
        group: a file for each setting and seed, or None where it is missing.
        epochs: of each training.
        profile: the cells' profile.
        command: what a reader would type.

    Returns:
        A row of the ledger; `tests` holds each comparison's values, p and outcome.
    """
    tests = [run_test(comparison, group) for comparison in claim.comparisons]
    if any(not test["values"] for test in tests):
        verdict = "missing"
    elif any(test["holds"] is False for test in tests):
        verdict = "not reproduced"
    elif any(test["holds"] is None for test in tests):
        seeds = sorted({len(test["values"]) for test in tests if test["holds"] is None})
        verdict = f"undecided, n = {' or '.join(map(str, seeds))}"
    elif any(test["p"] is None for test in tests):
        verdict = "right sign, one seed"
    else:
        verdict = "reproduced"
    settings = {term.setting for c in claim.comparisons for term in c.terms}
    commits = {
        result["environment"]["commit"]
        for setting in settings
        for result in group.get(setting, {}).values()
        if result is not None
    }
    headline = spread(tests[0]["values"])
    return {
        "id": f"cladec-{claim.id}-{epochs}",
        "paper": PAPER,
        "claim": f"{claim.text}; ours: {epochs} epochs",
        "paper_value": claim.paper_value,
        "holds_if": f"> 0; {len(tests)} tests",
        "ours_mean": headline["mean"],
        "ours_sd": headline["sd"],
        "n": len(headline["values"]),
        "tests": tests,
        "epochs": epochs,
        "profile": profile,
        "verdict": verdict,
        "command": command,
        "commit": ", ".join(sorted(commit for commit in commits if commit)),
    }


def run_test(comparison: Comparison, group: Settings) -> dict[str, Any]:
    """Tests whether a difference is positive over the seeds that have all its terms.

    Returns:
        `text`; `values`, one a seed; `p` of a one-sided paired t-test, None for fewer
        than two seeds: that it is not positive, or, where a tie is allowed, that it is
        not negative; `holds`: False if the opposite is significant, None where the
        seeds decide neither, which for a tie takes `SEEDS_OF_A_TIE`. One seed with the
        right sign holds.
    """
    results = [group.get(term.setting, {}) for term in comparison.terms]
    seeds = sorted(
        seed for seed in results[0] if all(files.get(seed) for files in results)
    )
    values = [
        _difference(comparison, [files[seed] for files in results]) for seed in seeds
    ]
    test = {"text": comparison.text, "values": [round(v, 6) for v in values]}
    if not values:
        return test | {"p": None, "holds": None}
    if len(values) == 1:
        has_sign = values[0] > 0 or (comparison.may_tie and values[0] == 0)
        return test | {"p": None, "holds": has_sign or None}
    more, less = (_p_value(values, side) for side in ("greater", "less"))
    holds: bool | None = None
    if less < SIGNIFICANCE:
        holds = False
    elif more < SIGNIFICANCE or (comparison.may_tie and len(values) >= SEEDS_OF_A_TIE):
        holds = True
    return test | {"p": less if comparison.may_tie else more, "holds": holds}


def _difference(comparison: Comparison, results: Sequence[Any]) -> float:
    return sum(
        (
            term.sign * MEASURES[term.measure](result)
            for term, result in zip(comparison.terms, results, strict=True)
        ),
        start=0.0,
    )


def _p_value(differences: list[float], alternative: str) -> float:
    """Runs a paired t-test; equal differences leave no doubt."""
    if np.ptp(differences) == 0:
        is_so = differences[0] > 0 if alternative == "greater" else differences[0] < 0
        return 0.0 if is_so else 1.0
    return float(stats.ttest_1samp(differences, 0, alternative=alternative).pvalue)
