"""Cells of one setting, which differ in their seed alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_xai.sweeps import Cell

Result = dict[str, Any]  # a cell's file
Group = Mapping[int, Result | None]  # seed to file, None where it is missing


def group_by_setting(
    cells: Sequence[Cell], results: Mapping[str, Result | None]
) -> dict[str, dict[int, Result | None]]:
    """Groups cells by all of their names but the seed.

    Args:
        cells: the sweep; a name ends in `_seedN`.
        results: cell name to file, as from `read_results`.
    """
    groups: dict[str, dict[int, Result | None]] = {}
    for cell in cells:
        setting = cell.name.rsplit("_seed", 1)[0]
        groups.setdefault(setting, {})[cell.spec["seed"]] = results[cell.name]
    return groups


def finished(group: Group) -> list[Result]:
    """Lists the results that are there, by seed."""
    return [result for _, result in sorted(group.items()) if result is not None]


def finished_seeds(group: Group) -> list[int]:
    """Lists the seeds of the results that are there."""
    return sorted(seed for seed, result in group.items() if result is not None)


def missing_seeds(group: Group) -> list[int]:
    """Lists the seeds whose results are not."""
    return sorted(seed for seed, result in group.items() if result is None)


def format_count(group: Group) -> str:
    """Tells how many of a setting's seeds have a result."""
    n = len(finished(group))
    return str(n) if n == len(group) else f"{n} of {len(group)}"
