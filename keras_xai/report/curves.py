"""Lays out a log's curves over epochs, ready to be drawn as SVG."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from keras_xai.report.inputs import LogRow

Style = Literal["main", "second", "reference"]
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


# Title, whether it is a share (then the axis goes from 0 to 1), and the lines.
CHARTS: tuple[tuple[str, bool, tuple[tuple[str, str, Style], ...]], ...] = (
    (
        "Accuracy",
        True,
        (
            ("validation", "val_accuracy", "main"),
            ("training", "accuracy", "second"),
            ("majority rate", "majority_rate", "reference"),
        ),
    ),
    (
        "Cross-entropy",
        False,
        (
            ("validation", "val_cross_entropy", "main"),
            ("training", "cross_entropy", "second"),
        ),
    ),
    ("Mask coverage", True, (("mean of the masks", "val_coverage", "main"),)),
    ("Mask loss", False, (("training", "mask_loss", "main"),)),
    (
        "Share of the mask’s mass",
        True,
        (
            ("on the target", "val_mass_on_target", "main"),
            ("on other objects", "val_mass_on_distractors", "second"),
        ),
    ),
    (
        "Pointing game",
        True,
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


def lay_out_charts(log: Sequence[LogRow]) -> list[Chart]:
    """Lays out every chart of which the log has a value.

    Args:
        log: one row an epoch; shares in [0, 1], losses not negative.

    Returns:
        The charts. Shares have an axis from 0 to 1; losses from 0 to a round number.
    """
    charts = []
    for title, is_share, lines in CHARTS:
        columns = {key: [row.get(key) for row in log] for _, key, _ in lines}
        present = [v for column in columns.values() for v in column if v is not None]
        if not present:
            continue
        top = 1.0 if is_share else _round_up(max(present))
        to_text = format_share if is_share else format_loss
        tick_format = "{:.0%}" if is_share else "{:g}"
        charts.append(
            Chart(
                title,
                [
                    (_y(top * i / 4, top), tick_format.format(top * i / 4))
                    for i in range(5)
                ],
                [
                    Line(
                        label,
                        style,
                        _to_path(columns[key], top),
                        [None if v is None else to_text(v) for v in columns[key]],
                    )
                    for label, key, style in lines
                    if any(v is not None for v in columns[key])
                ],
            )
        )
    return charts


def format_share(value: float) -> str:
    """Writes a share in [0, 1] as a percentage."""
    return f"{value:.1%}"


def format_loss(value: float) -> str:
    """Writes a loss with three digits."""
    return f"{value:.3g}"


def _round_up(value: float) -> float:
    """Returns the next 1, 2, 4 or 8 times a power of ten; its quarter is round."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(f * power for f in (1, 2, 4, 8, 10) if value <= f * power)


def _y(value: float, top: float) -> float:
    return PLOT.y + PLOT.height * (1 - value / top)


def _to_path(values: Sequence[float | None], top: float) -> str:
    """Draws through the middle of each epoch, interrupted where a value is missing."""
    parts = []
    for is_missing, run in groupby(enumerate(values), lambda item: item[1] is None):
        if not is_missing:
            parts.append(_polyline(_points(run, len(values), top)))
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
