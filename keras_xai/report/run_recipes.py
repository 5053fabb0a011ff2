"""Groups runs that differ in seed and data alone: a recipe, and its runs' mean."""

import json
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_xai.report import curves
from keras_xai.report.curves import Chart, LogRow, StageSpan
from keras_xai.report.formats import format_share, format_shares
from keras_xai.report.page import to_text
from keras_xai.report.run_files import METRICS, Run

# Settings that a recipe's runs may differ in: the data may be drawn by the seed.
OF_ONE_RUN = ("seed", "data_hash", "num_train", "num_validation")
MAX_DIFFERENCES = 4  # options that are named where recipes differ


class Recipe(NamedTuple):
    """Runs that differ in their seed, and perhaps in the data drawn by it.

    Attributes:
        letter: names it on the page; empty if there is only one recipe.
        differences: the options in which the page's recipes differ, as text.
        runs: in the order of their seeds.
        means: column of log.csv to `mean ± sd` of the finished runs' last epochs.
        majority_rate: likewise.
        target_share: likewise; what a constant mask has on the target.
        num_finished: runs that the means are over.
        num_data: different data that these are of; 0 if an older run does not tell.
        stage_spans: of the charts.
        charts: one line a run, or of a single run training beside validation.
    """

    letter: str
    differences: str
    runs: list[Run]
    means: dict[str, str]
    majority_rate: str
    target_share: str
    num_finished: int
    num_data: int
    stage_spans: list[StageSpan]
    charts: list[Chart]


def group_runs(runs: Sequence[Run]) -> list[Recipe]:
    """Groups runs by all settings but seed and data, in the order of the first ones."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        settings = {k: v for k, v in run.settings.items() if k not in OF_ONE_RUN}
        groups.setdefault(json.dumps(settings, sort_keys=True), []).append(run)
    options = [_flatten(members[0].settings) for members in groups.values()]
    recipes = []
    for i, members in enumerate(groups.values()):
        members.sort(key=lambda run: run.settings["seed"])
        finished = [run for run in members if run.is_finished]
        last = [run.log[-1] for run in finished]
        data = {run.settings.get("data_hash") for run in finished}
        logs = {f"seed {run.settings['seed']}": run.log for run in members}
        if len(logs) < len(members):  # a seed was trained twice
            logs = {run.folder.name: run.log for run in members}
        recipes.append(
            Recipe(
                "" if len(groups) == 1 else _letter(i),
                _differences(options[i], options),
                members,
                {key: _mean(last, key) for key, _, _ in METRICS},
                _mean(last, "majority_rate"),
                _mean(last, "target_share"),
                len(finished),
                0 if None in data else len(data),
                curves.lay_out_stages(max(logs.values(), key=len)),
                curves.lay_out_charts(logs),
            )
        )
    return recipes


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)


def _flatten(settings: dict[str, Any]) -> dict[str, Any]:
    """Lists options by name; those of a stage follow its name."""
    options = {k: v for k, v in settings.items() if k not in ("config", *OF_ONE_RUN)}
    options |= {k: v for k, v in settings["config"].items() if k != "stages"}
    for stage in settings["config"]["stages"]:
        options |= {f"{stage['name']}.{k}": v for k, v in stage.items() if k != "name"}
    return options


def _differences(mine: dict[str, Any], all_options: Sequence[dict[str, Any]]) -> str:
    """Names the options that tell most recipes apart, and how this one has them."""
    num_values = {
        name: len({repr(options.get(name)) for options in all_options})
        for name in dict.fromkeys(name for options in all_options for name in options)
    }
    names = [name for name, number in num_values.items() if number > 1]
    names.sort(key=lambda name: -num_values[name])
    values = [(name, mine.get(name)) for name in names[:MAX_DIFFERENCES]]
    named = ", ".join(
        f"{name} {f'{value:.3g}' if isinstance(value, float) else to_text(value)}"
        for name, value in values
    )
    if len(names) > MAX_DIFFERENCES:
        named += f", and {len(names) - MAX_DIFFERENCES} other options"
    return named


def _mean(rows: Sequence[LogRow], key: str) -> str:
    values = [row[key] for row in rows if key in row]
    if not values:
        return "–"
    if len(values) == 1:
        return format_share(values[0])
    return format_shares(statistics.fmean(values), statistics.stdev(values))
