"""A sweep: a list of cells, each run once and written whole or not at all."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_xai.training.runs import describe_environment, write_atomically


class Cell(NamedTuple):
    """One measurement.

    Attributes:
        name: readable, unique in its sweep; starts the file's name.
        spec: everything the result depends on, as `json.dump` can write it.
    """

    name: str
    spec: dict[str, Any]

    @property
    def filename(self) -> str:
        """The result's file: the name and a hash of the spec."""
        text = json.dumps(self.spec, sort_keys=True)
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"


def run_missing(
    cells: Iterable[Cell],
    results_dir: Path,
    measure: Callable[[Cell], dict[str, Any]],
    *,
    command: str,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Runs the cells that have no result yet, in order.

    Each result is a JSON file: name, spec, result, seconds since the measurement was
    last started (after a kill it goes on from what is there), time, command and
    environment (versions, machine, commit). It may be made on any machine, in any
    order; killed and started again, the sweep does only what is missing.

    Args:
        cells: the sweep.
        results_dir: where results are and go.
        measure: runs a cell and returns its numbers.
        command: what a reader would type to get this result.
        report: called with one line a cell.
    """
    results_dir.mkdir(parents=True, exist_ok=True)
    for cell in cells:
        path = results_dir / cell.filename
        if path.exists():
            continue
        report(f"{cell.name} ...")
        environment = describe_environment()  # of the code as it was started
        start = time.monotonic()
        result = measure(cell)
        values = {
            "name": cell.name,
            "spec": cell.spec,
            "result": result,
            "seconds_since_start": round(time.monotonic() - start, 1),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "environment": environment,
        }
        write_atomically(path, json.dumps(values, indent=1) + "\n")


def read_results(
    cells: Iterable[Cell], results_dir: Path
) -> dict[str, dict[str, Any] | None]:
    """Reads the results of a sweep: cell name to its file's content.

    A cell that has not been run is there too, with None.
    """
    results = {}
    for cell in cells:
        path = results_dir / cell.filename
        results[cell.name] = json.loads(path.read_text()) if path.exists() else None
    return results


def read_examples(result: dict[str, Any], results_dir: Path) -> dict[str, np.ndarray]:
    """Reads the arrays that a cell left beside its result.

    Args:
        result: the file's content.
        results_dir: where it is.
    """
    path = results_dir / Cell(result["name"], result["spec"]).filename
    with np.load(path.with_suffix(".npz")) as arrays:
        return dict(arrays)
