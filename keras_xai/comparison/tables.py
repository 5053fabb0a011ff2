"""From values an image to the comparison's tables: means, spreads, ranks."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_xai.comparison.measures import Metric, Values
from keras_xai.training.runs import write_atomically

Summary = dict[str, dict[str, dict[str, Any]]]  # method, metric: mean, sd, n, rank

DIGITS = 3  # decimal places that decide who is ahead; what is left is rounding
NOTHING = (None, None, 0)  # mean, sd and n of what was not measured


class Method(NamedTuple):
    """A row of the comparison.

    Attributes:
        name: also its file's, in heatmaps/.
        kind: "joint", "analyzer" or "baseline".
        in_paper: whether [IbPRIA19] shows it.
        signed: whether negative values speak against the class.
        seconds_per_image: None if it failed.
        failure: why it has no heatmaps; None if it has.
        note: what must be known of it, if anything.
    """

    name: str
    kind: str
    in_paper: bool
    signed: bool
    seconds_per_image: float | None = None
    failure: str | None = None
    note: str = ""


def summarise(values: Mapping[str, Values], metrics: Sequence[Metric]) -> Summary:
    """Averages over images and ranks the methods.

    Args:
        values: method to metric to one value an image.
        metrics: the columns.

    Returns:
        For each method and each metric it has: `mean`, `sd` (of a sample; None for one
        image), `n`, and `rank`; see `rank_means`.
    """
    summary: Summary = {method: {} for method in values}
    for metric in metrics:
        means = {
            method: float(np.mean(of_method[metric.name]))
            for method, of_method in values.items()
            if len(of_method.get(metric.name, ()))
        }
        ranks = rank_means(means, metric.higher_is_better)
        for method, mean in means.items():
            numbers = np.asarray(values[method][metric.name], np.float64)
            summary[method][metric.name] = {
                "mean": mean,
                "sd": float(numbers.std(ddof=1)) if len(numbers) > 1 else None,
                "n": len(numbers),
                "rank": ranks.get(method),
            }
    return summary


def rank_means(
    means: Mapping[str, float], higher_is_better: bool | None
) -> dict[str, int]:
    """Ranks methods by their means, 1 for the best.

    Means that are equal to `DIGITS` decimal places share the better rank.

    Args:
        means: by method.
        higher_is_better: None for a description, which ranks nobody.
    """
    if higher_is_better is None:
        return {}
    sign = -1 if higher_is_better else 1
    losses = {method: sign * round(mean, DIGITS) for method, mean in means.items()}
    return {
        method: 1 + sum(other < loss for other in losses.values())
        for method, loss in losses.items()
    }


def write_tables(
    folder: Path,
    methods: Sequence[Method],
    metrics: Sequence[Metric],
    values: Mapping[str, Values],
    facts: Mapping[str, Any],
) -> None:
    """Writes table.csv, metrics.csv and, last of all, comparison.json.

    table.csv has a row a method: the mean of every metric, its standard deviation
    (`…_sd`) and number of images (`…_n`). metrics.csv has a row a method and metric;
    where nothing was measured, `n` is 0, and `failure` says why if the method failed.

    Args:
        folder: the comparison's.
        methods: the rows, in display order.
        metrics: the columns.
        values: method to metric to one value an image; a failed method has none.
        facts: what else comparison.json holds.
    """
    summary = summarise(values, metrics)
    wide, long = [], []
    for method in methods:
        row = method._asdict()
        for metric in metrics:
            cell = summary[method.name].get(metric.name)
            mean, sd, n = (cell["mean"], cell["sd"], cell["n"]) if cell else NOTHING
            texts = {"mean": _to_text(mean), "sd": _to_text(sd), "n": n}
            row[metric.name] = texts["mean"]
            row[f"{metric.name}_sd"] = texts["sd"]
            row[f"{metric.name}_n"] = n
            long.append(
                {
                    "method": method.name,
                    "metric": metric.name,
                    **texts,
                    "rank": cell["rank"] if cell else None,
                    "failure": method.failure,
                }
            )
        wide.append(row)
    write_atomically(folder / "table.csv", _to_csv(wide))
    write_atomically(folder / "metrics.csv", _to_csv(long))
    comparison = {
        **facts,
        "methods": [method._asdict() for method in methods],
        "metrics": [metric._asdict() for metric in metrics],
        "values": summary,
    }
    text = json.dumps(comparison, indent=1, allow_nan=False)
    write_atomically(folder / "comparison.json", text + "\n")


def read_values(path: Path) -> Values:
    """Reads a method's values; none if nothing was measured yet."""
    if not path.exists():
        return {}
    with np.load(path) as arrays:
        return dict(arrays)


def write_values(path: Path, values: Values) -> None:
    """Writes a method's values, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    with part.open("wb") as file:
        np.savez(file, **values)  # type: ignore[arg-type]  # of its `allow_pickle`
    os.replace(part, path)


def _to_text(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
