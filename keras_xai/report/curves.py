"""Lays out a log's curves over epochs, ready to be drawn as SVG."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple

from keras_xai.report.formats import format_loss, format_share

LogRow = dict[str, Any]
Style = str  # the line's classes in the page's style sheet
NUM_COLOURS = 5  # of runs; the next ones have them again, in other dashes
NUM_DASHES = 3
CHARACTER_WIDTH = 6.5  # of a stage's name, in SVG units


class Box(NamedTuple):
    """A rectangle in SVG units."""

    x: float
    y: float
    width: float
    height: float


VIEW = Box(0, 0, 360, 210)
PLOT = Box(42, 24, 308, 146)  # inside VIEW: where the lines are


class Line(NamedTuple):
    """One curve: its SVG path, and its value in each epoch as text."""

    label: str
    style: Style
    path: str
    values: list[str | None]


class Chart(NamedTuple):
    """Curves that share a vertical axis; a tick is its y and its text."""

    title: str
    ticks: list[tuple[float, str]]
    lines: list[Line]


class StageSpan(NamedTuple):
    """A stage's place on the horizontal axis."""

    name: str
    x: float
    width: float
    last_epoch: int  # counted through all stages, from 1

    @property
    def is_name_short(self) -> bool:
        """Whether the name fits over the span."""
        return len(self.name) * CHARACTER_WIDTH <= self.width


Unit = Literal["share", "small share", "loss"]

# Title, unit and lines. The axis of shares ends at 1, of others where the lines do.
CHARTS: tuple[tuple[str, Unit, tuple[tuple[str, str, Style], ...]], ...] = (
    (
        "Accuracy",
        "share",
        (
            ("validation", "val_accuracy", "main"),
            ("training", "accuracy", "second"),
            ("majority rate", "majority_rate", "reference"),
        ),
    ),
    (
        "Cross-entropy",
        "loss",
        (
            ("validation", "val_cross_entropy", "main"),
            ("training", "cross_entropy", "second"),
        ),
    ),
    ("Mask coverage", "small share", (("mean of the masks", "val_coverage", "main"),)),
    ("Mask loss", "loss", (("training", "mask_loss", "main"),)),
    (
        "Share of the mask’s mass",
        "share",
        (
            ("on the target", "val_mass_on_target", "main"),
            ("on other objects", "val_mass_on_distractors", "second"),
            ("a constant mask’s on the target", "target_share", "reference"),
        ),
    ),
    (
        "Pointing game",
        "share",
        (("masks that peak on the target", "val_pointing_game", "main"),),
    ),
)


def lay_out_stages(log: Sequence[LogRow]) -> list[StageSpan]:
    """Divides the horizontal axis among the stages, an equal width an epoch."""
    spans = []
    epoch = 0
    for name, rows in groupby(row["stage"] for row in log):
        num_epochs = len(list(rows))
        start, epoch = epoch, epoch + num_epochs
        x = PLOT.x + PLOT.width * start / len(log)
        spans.append(StageSpan(name, x, PLOT.width * num_epochs / len(log), epoch))
    return spans


def lay_out_charts(logs: Mapping[str, Sequence[LogRow]]) -> list[Chart]:
    """Lays out every chart of which the logs have a value.

    Args:
        logs: of one run, or of runs with the same stages, by the name of the run; one
            row an epoch; shares in [0, 1], losses not negative.

    Returns:
        The charts. Shares have an axis from 0 to 1, small shares and losses one that
        ends at a round number.
        One run has its training beside its validation, several have a line each.
    """
    num_epochs = max(map(len, logs.values()))
    charts = []
    for title, unit, lines in CHARTS:
        columns = [
            (label, style, [row.get(key) for row in log])
            for label, key, style, log in _choose_lines(lines, logs)
        ]
        present = [v for _, _, column in columns for v in column if v is not None]
        if not present:
            continue
        top = 1.0 if unit == "share" else _round_up(max(present))
        to_text = format_loss if unit == "loss" else format_share
        scale, tick_format = (1, "{:g}") if unit == "loss" else (100, "{:g}%")
        charts.append(
            Chart(
                title if len(logs) == 1 else f"{title}: {lines[0][0]}",
                [
                    (_y(top * i / 4, top), tick_format.format(scale * top * i / 4))
                    for i in range(5)
                ],
                [
                    Line(
                        label,
                        style,
                        _to_path(column, num_epochs, top),
                        [None if v is None else to_text(v) for v in column],
                    )
                    for label, style, column in columns
                    if any(v is not None for v in column)
                ],
            )
        )
    return charts


def _choose_lines(
    lines: tuple[tuple[str, str, Style], ...], logs: Mapping[str, Sequence[LogRow]]
) -> list[tuple[str, str, Style, Sequence[LogRow]]]:
    """Chooses a chart's lines: label, column, style and log."""
    if len(logs) == 1:
        [log] = logs.values()
        return [(*line, log) for line in lines]
    chosen: list[tuple[str, str, Style, Sequence[LogRow]]] = []
    for label, key, style in lines:
        if style == "main":
            for i, (name, log) in enumerate(logs.items()):
                dashes = i // NUM_COLOURS % NUM_DASHES
                chosen.append((name, key, f"run-{i % NUM_COLOURS} dash-{dashes}", log))
        elif style == "reference":
            chosen.append((label, key, style, max(logs.values(), key=len)))
    return chosen


def _round_up(value: float) -> float:
    """Returns the next 1, 2, 4 or 8 times a power of ten; its quarter is round."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(f * power for f in (1, 2, 4, 8, 10) if value <= f * power)


def _y(value: float, top: float) -> float:
    return PLOT.y + PLOT.height * (1 - value / top)


def _to_path(values: Sequence[float | None], num_epochs: int, top: float) -> str:
    """Draws through the middle of each epoch, interrupted where a value is missing."""
    parts = []
    for is_missing, run in groupby(enumerate(values), lambda item: item[1] is None):
        if not is_missing:
            parts.append(_polyline(_points(run, num_epochs, top)))
    return " ".join(parts)


def _points(
    run: Iterable[tuple[int, float | None]], num_epochs: int, top: float
) -> list[str]:
    return [
        f"{PLOT.x + PLOT.width * (i + 0.5) / num_epochs:.1f},{_y(value, top):.1f}"
        for i, value in run
        if value is not None
    ]


def _polyline(points: list[str]) -> str:
    return f"M{' '.join(points)}" if len(points) > 1 else f"M{points[0]} h0"
