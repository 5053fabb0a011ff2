"""The ledger of claims, and what its rows are made of."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.training.runs import write_atomically


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


def judge_recipes(
    paper: Sequence[float],
    ours: Sequence[float] | None,
    holds: Callable[[float], bool],
) -> str:
    """Judges a claim of the first paper by the numbers of two recipes.

    Args:
        paper: one number a seed, of the paper's recipe.
        ours: likewise, of our recipe; None if no cell of it answers the claim.
        holds: whether a mean over seeds supports the claim.

    Returns:
        "reproduced", "only with: …", "not reproduced" or "missing"; with ", one seed"
        where a number it rests on has no spread.
    """
    if not paper:
        return "missing"
    if holds(float(np.mean(paper))):
        verdict, evidence = "reproduced", [paper]
    elif ours is not None and not ours:
        return "missing"
    elif ours and holds(float(np.mean(ours))):
        verdict = "only with: recipe joint (docs/decisions.md)"
        evidence = [paper, ours]
    else:
        verdict, evidence = "not reproduced", [paper]
    return (
        verdict
        if all(len(values) > 1 for values in evidence)
        else (f"{verdict}, one seed")
    )


def ledger_row(
    identity: Mapping[str, str],
    paper: Sequence[dict[str, Any]],
    ours: Sequence[dict[str, Any]],
    measure: Callable[[dict[str, Any]], float],
    *,
    profile: str,
    verdict: str,
    command: str,
) -> dict[str, Any]:
    """Makes a row of the ledger for a claim that both recipes answer.

    Args:
        identity: `id`, `paper`, `claim` and `paper_value`.
        paper: the cells' files of the paper's recipe.
        ours: those of our recipe.
        measure: from a file to the number that decides.
        profile: the cells' profile.
        verdict: on the paper's recipe.
        command: what makes the numbers.
    """
    of_paper = spread([measure(result) for result in paper])
    commits = {result["environment"]["commit"] for result in (*paper, *ours)}
    return {
        **identity,
        "ours_mean": of_paper["mean"],
        "ours_sd": of_paper["sd"],
        "n": len(paper),
        "recipe_joint": {**spread([measure(r) for r in ours]), "n": len(ours)},
        "profile": profile,
        "verdict": verdict,
        "command": command,
        "commit": ", ".join(sorted(commit for commit in commits if commit)),
    }


def write_ledger(path: Path, paper: str, claims: Sequence[dict[str, Any]]) -> None:
    """Replaces one paper's rows in claims.json; papers are in alphabetical order."""
    others = []
    if path.exists():
        others = [c for c in json.loads(path.read_text()) if c["paper"] != paper]
    ledger = sorted([*others, *claims], key=lambda claim: claim["paper"].lower())
    write_atomically(path, json.dumps(ledger, indent=1) + "\n")
