"""From the first paper's cells to tables, figures and a verdict on each claim."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_xai.recipes import RECIPES
from keras_xai.report.figures import draw_curves, draw_mask_grid
from keras_xai.sweeps import Cell, read_results
from keras_xai.training.runs import write_atomically

PAPER = "IbPRIA19"
COLUMNS = {
    "val_accuracy": "accuracy",
    "val_coverage": "coverage",
    "val_pointing_game": "pointing game",
    "val_mass_on_target": "mass on target",
    "val_mass_on_distractors": "mass on others",
}
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


def _stage_accuracy(stage: str) -> Callable[[Result], float]:
    def measure(result: Result) -> float:
        log = result["result"]["log"]
        last = max(i for i, name in enumerate(log["stage"]) if name == stage)
        return log["val_accuracy"][last]

    return measure


def _above_majority(result: Result) -> float:
    alone = _stage_accuracy("classifier")(result)
    return alone - result["result"]["final"]["majority_rate"]


def _gain(result: Result) -> float:
    return _final("val_accuracy")(result) - _stage_accuracy("classifier")(result)


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


def write_summary(cells: Sequence[Cell], profile: str, folder: Path) -> None:
    """Writes tables.md, summary.json, figures/ and the ledger ../claims.json.

    Args:
        cells: the sweep; what has not been run shows as missing.
        profile: the cells' profile.
        folder: holds cells/.
    """
    groups = group_by_setting(cells, read_results(cells, folder / "cells"))
    write_atomically(folder / "tables.md", _table(groups, profile))
    summary = {name: summarise(results) for name, results in groups.items()}
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    sizes = sorted({cell.spec["data"]["image_size"] for cell in cells})
    claims = [judge(claim, size, groups, profile) for size in sizes for claim in CLAIMS]
    _write_ledger(folder.parent / "claims.json", [c for c in claims if c is not None])
    _draw(groups, sizes, folder)


def group_by_setting(
    cells: Sequence[Cell], results: dict[str, Result | None]
) -> dict[str, dict[int, Result | None]]:
    """Groups cells that differ in their seed alone: setting to seed to file."""
    groups: dict[str, dict[int, Result | None]] = {}
    for cell in cells:
        setting = cell.name.rsplit("_seed", 1)[0]
        groups.setdefault(setting, {})[cell.spec["seed"]] = results[cell.name]
    return groups


def summarise(results: dict[int, Result | None]) -> dict[str, Any]:
    """Averages the final numbers over the seeds that are there.

    Returns:
        `seeds`, `missing_seeds`, and for each column `mean`, `sd` (of a sample; None
        for one seed) and `values`.
    """
    done = {seed: r for seed, r in sorted(results.items()) if r is not None}
    summary: dict[str, Any] = {
        "seeds": list(done),
        "missing_seeds": sorted(set(results) - set(done)),
    }
    for stage in ("classifier", "explainer", "joint"):
        values = [_stage_accuracy(stage)(r) for r in done.values()]
        summary[f"val_accuracy_after_{stage}"] = _spread(values)
    for column in (*COLUMNS, "majority_rate"):
        values = [r["result"]["final"][column] for r in done.values()]
        summary[column] = _spread(values)
    return summary


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
    paper_spread = _spread([claim.measure(r) for r in paper])
    our_spread = _spread([claim.measure(r) for r in ours])
    if paper and claim.holds(paper_spread["mean"]):
        verdict = "reproduced"
    elif ours and claim.holds(our_spread["mean"]):
        verdict = "only with: recipe joint (docs/decisions.md)"
    elif not paper or (claim.our_group and not ours):
        verdict = "missing"
    else:
        verdict = "not reproduced"
    commits = {r["environment"]["commit"] for r in paper + ours}
    return {
        "id": f"joint-{claim.id}-{size}",
        "paper": PAPER,
        "claim": claim.text,
        "paper_value": claim.paper_value,
        "ours_mean": paper_spread["mean"],
        "ours_sd": paper_spread["sd"],
        "n": len(paper),
        "recipe_joint": {**our_spread, "n": len(ours)},
        "profile": profile,
        "verdict": verdict,
        "command": f"keras-xai reproduce joint --profile {profile}",
        "commit": ", ".join(sorted(c for c in commits if c)),
    }


def _spread(values: Sequence[float]) -> dict[str, Any]:
    rounded = [round(float(v), 5) for v in values]
    return {
        "mean": round(float(np.mean(values)), 5) if values else None,
        "sd": round(float(np.std(values, ddof=1)), 5) if len(values) > 1 else None,
        "values": rounded,
    }


def _table(groups: dict[str, dict[int, Result | None]], profile: str) -> str:
    header = ["setting", "n", "majority", "alone", *COLUMNS.values()]
    lines = [
        f"Profile `{profile}`; validation images; mean ± standard deviation over "
        "seeds. `alone` is the classifier's accuracy under a white mask, after stage "
        "1. Pointing game and mass are over the positives.",
        "",
        "| " + " | ".join(header) + " |",
        "|---" * len(header) + "|",
    ]
    for name, results in groups.items():
        summary = summarise(results)
        n, wanted = len(summary["seeds"]), len(results)
        cells = [name, str(n) if n == wanted else f"{n} of {wanted}"]
        for column in ("majority_rate", "val_accuracy_after_classifier", *COLUMNS):
            cells.append(_format(summary[column]))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _format(spread: dict[str, Any]) -> str:
    if spread["mean"] is None:
        return "missing"
    if spread["sd"] is None:
        return f"{spread['mean']:.3f}"
    return f"{spread['mean']:.3f} ± {spread['sd']:.3f}"


def _write_ledger(path: Path, claims: list[dict[str, Any]]) -> None:
    others = []
    if path.exists():
        others = [c for c in json.loads(path.read_text()) if c["paper"] != PAPER]
    write_atomically(path, json.dumps(others + claims, indent=1) + "\n")


def _draw(
    groups: dict[str, dict[int, Result | None]], sizes: Sequence[int], folder: Path
) -> None:
    for size in sizes:
        for recipe in RECIPES:
            settings = {
                name.split("_")[1].removeprefix("l1-"): [
                    r for r in results.values() if r is not None
                ]
                for name, results in groups.items()
                if name.startswith(f"{recipe}_") and name.endswith(f"_paper-{size}")
            }
            settings = {price: r for price, r in settings.items() if r}
            if not settings:
                continue
            draw_mask_grid(
                {f"L1 {p}": _examples(r[0], folder) for p, r in settings.items()},
                folder / "figures" / f"fig5_{recipe}_{size}.png",
                title=f"Masks by price of the L1: recipe {recipe}, {size}×{size}",
            )
            some = next(iter(settings.values()))[0]
            draw_curves(
                {
                    f"L1 {price}": {
                        label: [r["result"]["log"][column] for r in results]
                        for column, label in (
                            ("accuracy", "training"),
                            ("val_accuracy", "validation"),
                        )
                    }
                    for price, results in settings.items()
                },
                folder / "figures" / f"fig7_{recipe}_{size}.png",
                title=f"Accuracy by epoch through the three stages: recipe {recipe}, "
                f"{size}×{size}; dashed: majority rate",
                ylabel="accuracy",
                baseline=some["result"]["final"]["majority_rate"],
                boundaries=_stage_ends(some),
            )


def _examples(result: Result, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    stem = Path(Cell(result["name"], result["spec"]).filename).stem
    with np.load(folder / "cells" / f"{stem}.npz") as arrays:
        return arrays["images"][:3], arrays["masks"][:3]


def _stage_ends(result: Result) -> list[int]:
    stages = result["result"]["log"]["stage"]
    return [i for i in range(1, len(stages)) if stages[i] != stages[i - 1]]
