"""From the first paper's cells to tables, figures and a verdict on each claim."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.recipes import RECIPES
from keras_xai.report.figures import draw_curves, draw_mask_grid
from keras_xai.reproduction.groups import (
    Group,
    Result,
    finished,
    finished_seeds,
    format_count,
    group_by_setting,
    missing_seeds,
)
from keras_xai.reproduction.joint_claims import (
    PAPER,
    QUESTIONS,
    judge,
    stage_accuracy,
)
from keras_xai.reproduction.ledger import format_spread, spread, write_ledger
from keras_xai.reproduction.markdown import table_header, table_row
from keras_xai.sweeps import Cell, read_examples, read_results
from keras_xai.training.runs import write_atomically

OTHER_LOSSES = {
    "joint": "mean L1",
    "joint-tv": "mean L1 + total variation",
    "joint-hybrid": "mean L1 + total variation + outside boxes",
    "joint-supervised": "cross-entropy with the annotation",
}
COLUMNS = {
    "val_accuracy": "accuracy",
    "val_coverage": "coverage",
    "val_pointing_game": "pointing game",
    "val_mass_on_target": "mass on target",
    "val_mass_on_distractors": "mass on others",
}


def write_summary(cells: Sequence[Cell], profile: str, folder: Path) -> None:
    """Writes tables.md, summary.json, figures/ and the ledger ../claims.json.

    Args:
        cells: the sweep; what has not been run shows as missing.
        profile: the cells' profile.
        folder: holds cells/.
    """
    groups = group_by_setting(cells, read_results(cells, folder / "cells"))
    sizes = sorted({cell.spec["data"]["image_size"] for cell in cells})
    tables = _table(groups, profile) + _losses_table(groups, sizes[0])
    write_atomically(folder / "tables.md", tables)
    summary = {name: summarise(results) for name, results in groups.items()}
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    claims = [
        judge(question, size, groups, profile)
        for size in sizes
        for question in QUESTIONS
    ]
    write_ledger(
        folder.parent / "claims.json", PAPER, [c for c in claims if c is not None]
    )
    _draw(groups, sizes, folder)


def summarise(results: Group) -> dict[str, Any]:
    """Averages the final numbers over the seeds that are there.

    Returns:
        `seeds`, `missing_seeds`, and for each column `mean`, `sd` (of a sample; None
        for one seed) and `values`.
    """
    done = finished(results)
    summary: dict[str, Any] = {
        "seeds": finished_seeds(results),
        "missing_seeds": missing_seeds(results),
    }
    for stage in ("classifier", "explainer", "joint"):
        values = [stage_accuracy(stage)(r) for r in done]
        summary[f"val_accuracy_after_{stage}"] = spread(values)
    for column in (*COLUMNS, "majority_rate"):
        values = [r["result"]["final"][column] for r in done]
        summary[column] = spread(values)
    return summary


def _table(groups: Mapping[str, Group], profile: str) -> str:
    header = ["setting", "n", "majority", "alone", *COLUMNS.values()]
    lines = [
        f"Profile `{profile}`; validation images; mean ± standard deviation over "
        "seeds. A setting is named by its recipe, its price of the mask (l1; `x` is "
        "a factor on our recipe's own) and its data, whose number is the side of the "
        "images in pixels. At 112×112 there are 3 to 9 shapes of the paper's size in "
        "pixels instead of 3 to 19, and the paper's price of a pixel is multiplied by "
        "4, so that a white mask costs the same; by ours at 224×224, `x4`, a pixel "
        "costs what it does at 112×112 by `x1`. All were trained in mixed_bfloat16. "
        "`alone` is the classifier's accuracy under a white mask, after stage 1. "
        "Pointing game and mass are over the positives.",
        "",
        *table_header(*header),
    ]
    for name, results in groups.items():
        summary = summarise(results)
        if not summary["seeds"]:
            continue
        cells = [name, format_count(results)]
        for column in ("majority_rate", "val_accuracy_after_classifier", *COLUMNS):
            digits = 4 if column == "val_coverage" else 3
            cells.append(format_spread(summary[column]["values"], digits))
        lines.append(table_row(*cells))
    missing = [name for name, results in groups.items() if not any(results.values())]
    if missing:
        lines += ["", f"Not measured yet: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _losses_table(groups: Mapping[str, Group], size: int) -> str:
    """Sets our recipe beside itself with other losses on the mask."""
    header = ["loss on the mask", "n", "accuracy", "mass on target", "IoU", "coverage"]
    lines = [
        "",
        f"Our recipe with other losses on the mask, {size}×{size}. IoU is that of the "
        "mask above 0.75 with the filled target, grown by 3 pixels; mass on target is "
        "the relevance mass accuracy in it.",
        "",
        *table_header(*header),
    ]
    for name, results in groups.items():
        recipe, price, data = name.split("_")
        label = OTHER_LOSSES.get(recipe)
        if label is None or price != "l1-x1" or data != f"paper-{size}":
            continue
        done = [result["result"]["final"] for result in finished(results)]
        if not done:
            continue
        cells = [label, format_count(results)]
        for column in ("val_accuracy", "val_mass_on_target", "val_iou", "val_coverage"):
            digits = 4 if column == "val_coverage" else 3
            cells.append(format_spread([row[column] for row in done], digits))
        lines.append(table_row(*cells))
    return "\n".join(lines) + "\n"


def _draw(groups: Mapping[str, Group], sizes: Sequence[int], folder: Path) -> None:
    for size in sizes:
        for recipe in RECIPES:
            settings = {
                name.split("_")[1].removeprefix("l1-"): finished(results)
                for name, results in groups.items()
                if name.startswith(f"{recipe}_") and name.endswith(f"_paper-{size}")
            }
            settings = {
                price: settings[price]
                for price in sorted(settings, key=_price)
                if settings[price]
            }
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
                    f"L1 {price}, n = {len(results)}": {
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


def _price(text: str) -> float:
    """Reads a price, "1e-06", or a factor of one, "x10"."""
    return float(text.removeprefix("x"))


def _examples(result: Result, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    arrays = read_examples(result, folder / "cells")
    return arrays["images"][:3], arrays["masks"][:3]


def _stage_ends(result: Result) -> list[int]:
    stages = result["result"]["log"]["stage"]
    return [i for i in range(1, len(stages)) if stages[i] != stages[i - 1]]
