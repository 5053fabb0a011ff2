"""From comparisons to tables over seeds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.comparison.heatmaps import JOINT
from keras_xai.comparison.tables import DIGITS, rank_means
from keras_xai.reproduction.compare_claims import PAPER, judge
from keras_xai.reproduction.groups import (
    Result,
    finished,
    finished_seeds,
    group_by_setting,
)
from keras_xai.reproduction.ledger import (
    format_spread,
    spread,
    write_ledger,
)
from keras_xai.reproduction.markdown import table_header, table_row
from keras_xai.sweeps import Cell, read_results
from keras_xai.training.runs import write_atomically

DECIDING = ("mass_target", "rank_target", "iou_target", "pointing_target")
GROUPS = {
    "ground truth": "Ground truth: the target's filled mask, grown by 3 pixels",
    "faithfulness": "Faithfulness: does the classifier's answer follow the heatmap?",
    "sanity": "Sanity: does the heatmap change with the classifier?",
    "complexity": "Complexity",
}


def write_summary(cells: Sequence[Cell], profile: str, folder: Path) -> None:
    """Writes tables.md, summary.json and the ledger ../claims.json.

    Args:
        cells: the sweep; what has not been run shows as missing.
        profile: the cells' profile.
        folder: holds cells/.
    """
    groups = group_by_setting(cells, read_results(cells, folder / "cells"))
    lines = [
        f"Profile `{profile}`. Each number is a mean over images, then mean ± standard "
        "deviation over seeds; in bold, the best. Explained is the classifier of stage "
        "1, under a white mask; `joint` is the joint model's mask for the same image. "
        "What the columns mean is at the end.",
        "",
    ]
    summary = {}
    for name, group in groups.items():
        done = finished(group)
        lines += [f"## {name}", ""]
        if not done:
            lines += ["Not measured.", ""]
            continue
        lines += tables(done, len(group))
        summary[name] = {
            "seeds": finished_seeds(group),
            "values": {
                method: {
                    metric["name"]: spread(_values(done, method, metric["name"]))
                    for metric in _metrics(done)
                }
                for method in _methods(done)
            },
            "seconds_relative_to_joint": {
                method: spread(_relative_seconds(done, method))
                for method in _methods(done)
            },
        }
    lines += _glossary([r for group in groups.values() for r in finished(group)])
    write_atomically(folder / "tables.md", "\n".join(lines) + "\n")
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    claims = [
        judge(groups, size, profile)
        for size in sorted({cell.name.split("_")[2] for cell in cells})
    ]
    write_ledger(folder.parent / "claims.json", PAPER, claims)


def tables(done: Sequence[Result], num_seeds: int) -> Iterator[str]:
    """Writes one setting's tables as lines of Markdown.

    Args:
        done: the cells' files, one a seed.
        num_seeds: how many there will be.
    """
    facts = [result["result"] for result in done]
    accuracy = [fact["accuracy"]["classifier"] for fact in facts]
    with_mask = [fact["accuracy"]["joint"] for fact in facts]
    counts = {
        cell["n"]
        for fact in facts
        for of_method in fact["values"].values()
        for metric, cell in of_method.items()
        if metric in DECIDING
    }
    yield (
        f"n = {len(done)} of {num_seeds} seeds, "
        f"{' or '.join(map(str, sorted(counts)))} positives each. Accuracy of the "
        f"explained classifier {format_spread(accuracy)}, with the mask "
        f"{format_spread(with_mask)}; majority "
        f"{format_spread([fact['majority_rate'] for fact in facts])}."
    )
    yield ""
    for metric in (m for m in _metrics(done) if m["name"] in DECIDING):
        yield f"- {_label(metric)}: {_place(done, metric)}"
    yield ""
    failed = {
        method["name"]: method["failure"]
        for fact in facts
        for method in fact["methods"]
        if method["failure"] is not None
    }
    if failed:
        yield "Without heatmaps: " + "; ".join(
            f"{name} ({reason.rstrip(': .')})" for name, reason in failed.items()
        )
        yield ""
    for group, title in GROUPS.items():
        metrics = [
            metric
            for metric in _metrics(done)
            if metric["group"] == group and not metric["name"].endswith("_box")
        ]
        if metrics:
            yield f"### {title}"
            yield ""
            yield from _table(done, metrics)
    yield "### Time"
    yield ""
    num_timed = len(_relative_seconds(done, JOINT))
    yield f"Seconds an image, as multiples of the mask's; n = {num_timed}."
    yield ""
    yield from table_header("method", "× joint")
    for method in _methods(done):
        yield table_row(method, format_spread(_relative_seconds(done, method), 1))
    yield ""


def _table(
    done: Sequence[Result], metrics: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    yield from table_header("method", *(_heading(metric) for metric in metrics))
    for method in _methods(done):
        texts = []
        for metric in metrics:
            values = _values(done, method, metric["name"])
            text = format_spread(values, DIGITS) if values else "–"
            if 0 < len(values) < len(done):
                text += f" ({len(values)} of {len(done)})"
            is_best = _ranks(done, metric).get(method) == 1
            texts.append(f"**{text}**" if is_best else text)
        yield table_row(method, *texts)
    chances = [_chances(done, metric["name"]) for metric in metrics]
    if any(chances):
        texts = [format_spread(values, DIGITS) if values else "–" for values in chances]
        yield table_row("*a constant heatmap*", *texts)
    yield table_row("*images*", *(_count(done, metric["name"]) for metric in metrics))
    yield ""


def _glossary(done: Sequence[Result]) -> Iterator[str]:
    """Says what the columns mean, in the words of the first result."""
    if done:
        yield "## The columns"
        yield ""
        for metric in _metrics(done):
            if not metric["name"].endswith("_box"):
                yield f"- **{_label(metric)}**: {metric['description']}"


def _chances(done: Sequence[Result], metric: str) -> list[float]:
    """Lists what chance scores, one a seed, whose images are its own."""
    return [
        m["chance"]
        for result in done
        for m in result["result"]["metrics"]
        if m["name"] == metric and m["chance"] is not None
    ]


def _count(done: Sequence[Result], metric: str) -> str:
    """Tells over how many images a metric is a mean."""
    counts = {
        of_method[metric]["n"]
        for result in done
        for of_method in result["result"]["values"].values()
        if metric in of_method
    }
    return " or ".join(map(str, sorted(counts)))


def _heading(metric: Mapping[str, Any]) -> str:
    arrow = {True: " ↑", False: " ↓", None: ""}[metric["higher_is_better"]]
    return _label(metric) + arrow


def _label(metric: Mapping[str, Any]) -> str:
    return metric["label"].removeprefix("Target: ")


def _place(done: Sequence[Result], metric: Mapping[str, Any]) -> str:
    """Tells the mask's place among the methods, and who is first."""
    ranks = _ranks(done, metric)
    if not _values(done, JOINT, metric["name"]):
        return "no mask"
    if JOINT not in ranks:
        return "no place; all methods are alike, or the mask lacks a seed"
    mean, place = _means(done, metric["name"])[JOINT], ranks.pop(JOINT)
    first = min(ranks, key=lambda method: ranks[method])
    num_equal = sum(rank == place for rank in ranks.values())
    shared = f" together with {num_equal} more" if num_equal else ""
    return (
        f"the mask is number {place} of {1 + len(ranks)}{shared}, {mean:.{DIGITS}f}; "
        f"the best other is {first}, {_means(done, metric['name'])[first]:.{DIGITS}f}"
    )


def _methods(done: Sequence[Result]) -> list[str]:
    return [method["name"] for method in done[0]["result"]["methods"]]


def _metrics(done: Sequence[Result]) -> list[dict[str, Any]]:
    return done[0]["result"]["metrics"]


def _values(done: Sequence[Result], method: str, metric: str) -> list[float]:
    cells = [r["result"]["values"].get(method, {}).get(metric) for r in done]
    return [cell["mean"] for cell in cells if cell is not None]


def _ranks(done: Sequence[Result], metric: Mapping[str, Any]) -> dict[str, int]:
    """Ranks methods by their mean over seeds.

    A description ranks nobody, nor does a metric in which all are alike; a method that
    lacks a seed is not compared with those that have it.
    """
    means = {
        method: mean
        for method, mean in _means(done, metric["name"]).items()
        if len(_values(done, method, metric["name"])) == len(done)
    }
    ranks = rank_means(means, metric["higher_is_better"])
    return ranks if len(set(ranks.values())) > 1 else {}


def _means(done: Sequence[Result], metric: str) -> dict[str, float]:
    """Averages a metric over seeds, for the methods that have it."""
    return {
        method: float(np.mean(values))
        for method in _methods(done)
        if (values := _values(done, method, metric))
    }


def _relative_seconds(done: Sequence[Result], method: str) -> list[float]:
    ratios = []
    for result in done:
        seconds = {
            m["name"]: m["seconds_per_image"] for m in result["result"]["methods"]
        }
        if seconds[method] is not None and seconds.get(JOINT):
            ratios.append(seconds[method] / seconds[JOINT])
    return ratios
