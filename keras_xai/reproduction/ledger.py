"""The ledger of claims, and what its rows are made of."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_xai.reproduction.groups import Result
from keras_xai.training.runs import write_atomically


class Claim(NamedTuple):
    """A statement of the first paper, and the number that is to decide it.

    Attributes:
        id: short and unique.
        text: the statement, with its place in the paper.
        paper_value: the paper's number, or that it gives none.
        measure: from a cell's file to the number.
        least: what the mean over seeds must reach for the claim to hold, if anything.
        most: what it may be at most, if anything; without both, no number decides.
    """

    id: str
    text: str
    paper_value: str
    measure: Callable[[Result], float]
    least: float | None = None
    most: float | None = None

    def holds(self, mean: float) -> bool:
        """Whether a mean over seeds supports the claim."""
        is_enough = self.least is None or mean >= self.least
        return is_enough and (self.most is None or mean <= self.most)

    @property
    def criterion(self) -> str:
        """What must hold, in signs."""
        if self.least is None:
            return "" if self.most is None else f"≤ {self.most:g}"
        if self.most is None:
            return f"≥ {self.least:g}"
        return f"{self.least:g} to {self.most:g}"


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Averages one value a seed: `mean`, `sd` (of a sample; None for one), `values`."""
    return {
        "mean": round(float(np.mean(values)), 5) if len(values) else None,
        "sd": round(float(np.std(values, ddof=1)), 5) if len(values) > 1 else None,
        "values": [round(float(value), 5) for value in values],
    }


def format_spread(values: Sequence[float], digits: int = 3) -> str:
    """Writes `mean ± sd`, or that the values are missing."""
    numbers = spread(values)
    if numbers["mean"] is None:
        return "missing"
    mean = f"{round(numbers['mean'], digits) + 0.0:.{digits}f}"  # no minus before zeros
    return mean if numbers["sd"] is None else f"{mean} ± {numbers['sd']:.{digits}f}"


def judge(
    claim: Claim,
    paper: Sequence[Result],
    ours: Sequence[Result] | None,
    *,
    identity: Mapping[str, str],
    recipe: str,
    profile: str,
) -> dict[str, Any]:
    """Holds a claim of the first paper against the numbers of two recipes.

    Args:
        claim: the statement.
        paper: the cells' files of the paper's recipe.
        ours: those of ours; None if no cell of it answers the claim.
        identity: `id`, `paper` (where the claim is) and `command` of the row.
        recipe: the name of ours.
        profile: the cells' profile.

    Returns:
        A row of the ledger; its verdict is "reproduced", "only with: …", "not
        reproduced", "not testable" or "missing", and says where it rests on one seed.
    """
    of_paper = [claim.measure(result) for result in paper]
    of_ours = [claim.measure(result) for result in ours or ()]
    commits = {result["environment"]["commit"] for result in (*paper, *(ours or ()))}
    numbers = spread(of_paper)
    return {
        "id": identity["id"],
        "paper": identity["paper"],
        "claim": claim.text,
        "paper_value": claim.paper_value,
        "holds_if": claim.criterion,
        "ours_mean": numbers["mean"],
        "ours_sd": numbers["sd"],
        "n": len(of_paper),
        "our_recipe": {**spread(of_ours), "n": len(of_ours)},
        "profile": profile,
        "verdict": _decide(claim, of_paper, None if ours is None else of_ours, recipe),
        "command": identity["command"],
        "commit": ", ".join(sorted(commit for commit in commits if commit)),
    }


def _decide(
    claim: Claim, paper: Sequence[float], ours: Sequence[float] | None, recipe: str
) -> str:
    if not paper:
        return "missing"
    if not claim.criterion:
        return "not testable"
    evidence = {"its recipe": paper}
    if claim.holds(float(np.mean(paper))):
        verdict = "reproduced"
    elif ours is not None and not ours:
        return "missing"
    else:
        verdict = "not reproduced"
        if ours:
            evidence["ours"] = ours
            if claim.holds(float(np.mean(ours))):
                verdict = f"only with: recipe {recipe} (docs/decisions.md)"
    single = [name for name, values in evidence.items() if len(values) == 1]
    return verdict + (f"; one seed of {' and of '.join(single)}" if single else "")


def write_ledger(path: Path, paper: str, claims: Sequence[dict[str, Any]]) -> None:
    """Replaces one paper's rows in claims.json; papers are in alphabetical order."""
    others = []
    if path.exists():
        others = [c for c in json.loads(path.read_text()) if c["paper"] != paper]
    ledger = sorted([*others, *claims], key=lambda claim: claim["paper"].lower())
    write_atomically(path, json.dumps(ledger, indent=1) + "\n")
