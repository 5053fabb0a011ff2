"""The numbers of a comparison as cells of a table, and where each method stands."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from keras_xai.report.comparison_files import Comparison, Method, Metric, Value
from keras_xai.report.formats import enumerate_words, format_ordinal, format_value

MAX_NAMES = 2  # of methods that share the first place
MAX_STANDARD_ERRORS = 2  # between two means that are called level


class Cell(NamedTuple):
    """One number of the table.

    Attributes:
        mean: as text; a dash if it was not measured.
        sd: as text; empty if there is none.
        value: the mean in full, to sort by; None if it was not measured.
        n: images that the mean is over, if not as many in the whole column.
        hint: all there is to say, shown on hover.
        is_best: whether the method is first.
        is_level: whether it is not first, but within two standard errors of it.
    """

    mean: str
    sd: str
    value: float | None
    n: int | None
    hint: str
    is_best: bool
    is_level: bool


class Place(NamedTuple):
    """Where a method stands on a metric's axis: 0 is the worst mean, 100 the best."""

    method: Method
    position: float
    text: str


class Standing(NamedTuple):
    """One metric's axis.

    Attributes:
        metric: what is ranked.
        places: of baselines, then analyzers, then ours, which is drawn last.
        chance: its place on the axis; None if there is no such level.
        first: the methods that are first, and their mean.
        ours: the joint mask's mean and rank; empty if it was not ranked, or all
            are alike.
    """

    metric: Metric
    places: list[Place]
    chance: float | None
    first: tuple[str, str]
    ours: str


def group_metrics(comparison: Comparison) -> list[tuple[str, list[Metric]]]:
    """Groups metrics that follow each other by their group."""
    return [
        (group, list(members))
        for group, members in groupby(comparison.metrics, lambda metric: metric.group)
    ]


def common_n(values: Mapping[str, Value]) -> int | None:
    """Returns how many images the means of a metric are over; None if they differ."""
    ns = {value.n for value in values.values()}
    return ns.pop() if len(ns) == 1 else None


def lay_out_rows(comparison: Comparison) -> list[tuple[Method, list[Cell]]]:
    """Lays out one row of cells for each method that has heatmaps."""
    return [
        (
            method,
            [
                _lay_out_cell(comparison, method, metric)
                for metric in comparison.metrics
            ],
        )
        for method in comparison.working_methods
    ]


def lay_out_standings(comparison: Comparison) -> list[tuple[str, list[Standing]]]:
    """Lays out the axis of each ranked metric, better to the right, by group."""
    standings = []
    for metric in comparison.ranked_metrics:
        values = comparison.values_of(metric)
        means = [value.mean for value in values.values()]
        chance = [] if metric.chance is None else [metric.chance]
        low, high = min(means + chance), max(means + chance)
        worst, best = (low, high) if metric.higher_is_better else (high, low)

        def place(mean: float, worst: float = worst, best: float = best) -> float:
            return 50.0 if worst == best else 100 * (mean - worst) / (best - worst)

        methods = [m for m in comparison.working_methods if m.name in values]
        methods.sort(key=lambda m: ("baseline", "analyzer", "joint").index(m.kind))
        first = [m for m in methods if values[m.name].rank == 1]
        are_all_alike = comparison.is_undecided(metric)
        standings.append(
            Standing(
                metric,
                [
                    Place(
                        method,
                        place(values[method.name].mean),
                        format_value(values[method.name].mean),
                    )
                    for method in methods
                ],
                None if metric.chance is None else place(metric.chance),
                (
                    _name(first, are_all_alike=are_all_alike),
                    format_value(values[first[0].name].mean) if first else "",
                ),
                "" if are_all_alike else _say_ours(methods, values),
            )
        )
    return [
        (group, list(members))
        for group, members in groupby(standings, lambda s: s.metric.group)
    ]


def is_level(value: Value, first: Value) -> bool:
    """Whether two means are within two standard errors of their difference.

    The images are the same, which this takes no advantage of: it errs towards level.
    """
    if value.sd is None or first.sd is None:
        return value.mean == first.mean
    error = math.hypot(value.sd / math.sqrt(value.n), first.sd / math.sqrt(first.n))
    return abs(value.mean - first.mean) <= MAX_STANDARD_ERRORS * error


def _say_ours(methods: Sequence[Method], values: dict[str, Value]) -> str:
    for method in methods:
        value = values[method.name]
        if method.kind == "joint" and value.rank:
            place = f"{format_ordinal(value.rank)} of {len(values)}"
            return f"{format_value(value.mean)}, {place}"
    return ""


def _name(methods: Sequence[Method], *, are_all_alike: bool) -> str:
    if are_all_alike:
        return "all alike"
    labels = [method.label for method in methods]
    if len(labels) > MAX_NAMES:
        labels[MAX_NAMES:] = [f"{len(labels) - MAX_NAMES} more"]
    return enumerate_words(labels)


def _lay_out_cell(comparison: Comparison, method: Method, metric: Metric) -> Cell:
    values = comparison.values_of(metric)
    value = values.get(method.name)
    if value is None:
        hint = f"{metric.label} of {method.label}: not measured"
        return Cell("–", "", None, None, hint, False, False)
    sd = "" if value.sd is None else format_value(value.sd, like=value.mean)
    hint = f"{metric.label} of {method.label}: mean {value.mean:.4g}"
    if value.sd is not None:
        hint += f", standard deviation {value.sd:.4g}"
    hint += f", n = {value.n}"
    if value.rank:
        num_ranked = sum(other.rank is not None for other in values.values())
        hint += f", {format_ordinal(value.rank)} of {num_ranked}"
    first = next((other for other in values.values() if other.rank == 1), None)
    return Cell(
        format_value(value.mean),
        sd,
        value.mean,
        value.n if common_n(values) is None else None,
        hint,
        value.rank == 1 and not comparison.is_undecided(metric),
        bool(first and value.rank and value.rank > 1 and is_level(value, first)),
    )
