"""From the cells on real images to tables, figures and a verdict on each claim."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_xai.reproduction.groups import (
    Group,
    finished_seeds,
    group_by_setting,
    missing_seeds,
)
from keras_xai.reproduction.ledger import spread, write_ledger
from keras_xai.reproduction.real_claims import CLAIMS, PAPER, judge
from keras_xai.reproduction.real_figures import draw_cue_conflict, draw_raccoon
from keras_xai.reproduction.real_measures import (
    MEASURES,
    class_accuracy,
    class_names,
    values_of,
)
from keras_xai.reproduction.real_tables import write_tables
from keras_xai.sweeps import Cell, read_results
from keras_xai.training.runs import write_atomically


def write_summary(cells: Sequence[Cell], profile: str, folder: Path) -> None:
    """Writes tables.md, summary.json, figures/ and the ledger ../claims.json.

    Args:
        cells: the sweep; what has not been run shows as missing.
        profile: the cells' profile.
        folder: holds cells/.
    """
    groups = group_by_setting(cells, read_results(cells, folder / "cells"))
    cue_conflict, raccoon = (
        {name: group for name, group in groups.items() if name.startswith(f"{task}_")}
        for task in MEASURES
    )
    tables = write_tables(cue_conflict, raccoon, profile)
    write_atomically(folder / "tables.md", tables)
    summary = {
        name: summarise(task, group)
        for task, settings in zip(MEASURES, (cue_conflict, raccoon), strict=True)
        for name, group in settings.items()
    }
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    claims = [judge(claim, cue_conflict, profile) for claim in CLAIMS]
    write_ledger(folder.parent / "claims.json", PAPER, claims)
    draw_cue_conflict(cue_conflict, folder)
    draw_raccoon(raccoon, folder)


def summarise(task: str, group: Group) -> dict[str, Any]:
    """Averages a setting's numbers over the seeds that are there.

    Args:
        task: one of `MEASURES`.
        group: the setting's cells.

    Returns:
        `seeds`, `missing_seeds`, and for each measure `mean`, `sd` (of a sample; None
        for one seed) and `values`; with classes, their accuracies `alone` and `joint`.
    """
    summary: dict[str, Any] = {
        "seeds": finished_seeds(group),
        "missing_seeds": missing_seeds(group),
    }
    for column, measure in MEASURES[task].items():
        summary[column] = spread(values_of(group, measure))
    if task == "cue-conflict":
        for kind in ("alone", "joint"):
            summary[f"class accuracy, {kind}"] = {
                name: spread(values_of(group, class_accuracy(kind, name)))
                for name in class_names([group])
            }
    return summary
