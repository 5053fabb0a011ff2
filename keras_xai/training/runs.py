"""A run folder: its config, environment, log and the state to go on from."""

import csv
import io
import json
import os
import platform
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_xai.errors import InputError

LogRow = dict[str, Any]
MAX_TOLD = 80  # characters of a value in a message


def open_run(
    run_dir: Path,
    settings: dict[str, Any],
    *,
    complete: Callable[[dict[str, Any]], dict[str, Any]] = lambda found: found,
) -> None:
    """Creates a run folder, or returns to one that was started with these settings.

    Writes `config.json` (the settings) and `environment.json` (versions, machine,
    commit).

    Args:
        run_dir: the folder.
        settings: everything the numbers depend on, as `json.dump` can write it.
        complete: adds what today's settings have and those of an older run lack.

    Raises:
        InputError: if the folder holds something else, or other settings.
    """
    config_path = run_dir / "config.json"
    if config_path.exists():
        try:
            stored = json.loads(config_path.read_text())
        except ValueError as error:
            raise InputError(f"{config_path} is no JSON: {error}.") from None
        found = json.loads(json.dumps(complete(stored)))
        wanted = json.loads(json.dumps(settings))
        if found != wanted:
            name, was, now = _find_difference(found, wanted)
            raise InputError(
                f"{run_dir} holds a run with another {name}; expected a new folder or "
                f"the settings the run was started with, {name}={_shorten(was)}. "
                f"Received: {name}={_shorten(now)}"
            )
        return
    if run_dir.exists() and any(not _is_of_a_start(p) for p in run_dir.iterdir()):
        raise InputError(
            f"{run_dir} is not empty and holds no run; expected a new or empty folder."
        )
    run_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(run_dir / "environment.json", _to_json(describe_environment()))
    write_atomically(config_path, _to_json(settings))


def _find_difference(found: Any, wanted: Any, name: str = "") -> tuple[str, Any, Any]:
    """Returns where two settings first differ, as a dotted name, and both values."""
    if isinstance(found, list) and isinstance(wanted, list):
        if len(found) == len(wanted):
            found, wanted = dict(enumerate(found)), dict(enumerate(wanted))
    if not (isinstance(found, dict) and isinstance(wanted, dict)):
        return name, found, wanted
    key = next(k for k in wanted | found if wanted.get(k) != found.get(k))
    return _find_difference(
        found.get(key), wanted.get(key), f"{name}.{key}" if name else str(key)
    )


def _shorten(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= MAX_TOLD else f"{text[:MAX_TOLD]}…"


def note_environment(run_dir: Path) -> None:
    """Adds today's environment to `environment.json` if the run goes on in another.

    The first is the file's own; `continued` lists those that follow.
    """
    path = run_dir / "environment.json"
    found = json.loads(path.read_text())
    earlier = found.pop("continued", [])
    today = describe_environment()
    if today != [found, *earlier][-1]:
        found["continued"] = [*earlier, today]
        write_atomically(path, _to_json(found))


def _is_of_a_start(path: Path) -> bool:
    """Whether a file may be there before config.json is."""
    return path.name == "environment.json" or path.suffix == ".tmp"


def describe_environment() -> dict[str, Any]:
    """Collects versions, machine and commit of the code as it is now.

    Call it before what it shall describe: files may change while a process runs.
    """
    packages = ("keras", "tensorflow", "numpy", "keras_xai")
    return {
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}",
        "num_cores": os.cpu_count(),
        "commit": _describe_commit(),
    }


def _describe_commit() -> str | None:
    """Names the repository's commit, "-dirty" if files differ; None without one."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None  # installed, perhaps inside another repository
    try:
        git = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            capture_output=True,
            text=True,
            cwd=root,
        )
    except OSError:
        return None  # no git
    return git.stdout.strip() or None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    lines = dict(
        line.replace("\t", "").split(":", 1)
        for line in cpuinfo.read_text().splitlines()
        if ":" in line
    )
    extensions = [
        flag
        for flag in ("amx_bf16", "avx512_bf16")
        if flag in lines.get("flags", "").split()
    ]
    return " ".join([lines.get("model name", "").strip(), *extensions])


def write_log(run_dir: Path, rows: list[LogRow]) -> None:
    """Writes `log.csv`, one row an epoch; a column that a stage lacks stays empty."""
    fields = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(run_dir / "log.csv", text.getvalue())


def read_log(run_dir: Path) -> list[LogRow]:
    """Reads `log.csv`: one dict an epoch, numbers as float, empty cells left out.

    Raises:
        InputError: if the run has no log.
    """
    path = run_dir / "log.csv"
    if not path.exists():
        raise InputError(f"{run_dir} holds no log.csv; expected a folder of `train`.")
    with path.open(newline="") as file:
        kinds: dict[str, type] = {"stage": str, "epoch": int}
        return [
            {k: kinds.get(k, float)(v) for k, v in row.items() if v != ""}
            for row in csv.DictReader(file)
        ]


def save_state(
    run_dir: Path, model: keras.Model, optimizer: keras.Optimizer, progress: LogRow
) -> None:
    """Saves all that the next epoch depends on, whole or not at all.

    Args:
        run_dir: the run folder.
        model: the joint model.
        optimizer: the running stage's optimizer.
        progress: `stage` and `epoch` (1-based) that are finished.
    """
    arrays = {f"model{i}": w for i, w in enumerate(model.get_weights())}
    for i, variable in enumerate(optimizer.variables):
        arrays[f"optimizer{i}"] = keras.ops.convert_to_numpy(variable)
    temporary = run_dir / "state.tmp.npz"
    np.savez(temporary, progress=json.dumps(progress), **arrays)
    os.replace(temporary, run_dir / "state.npz")


def load_progress(run_dir: Path) -> LogRow | None:
    """Returns the last saved `stage` and `epoch`, or None if nothing was saved."""
    path = run_dir / "state.npz"
    if not path.exists():
        return None
    with np.load(path) as state:
        return json.loads(str(state["progress"]))


def load_state(
    run_dir: Path, model: keras.Model, optimizer: keras.Optimizer | None = None
) -> None:
    """Restores what `save_state` saved; without an optimizer, the model alone."""
    with np.load(run_dir / "state.npz") as state:
        model.set_weights([state[f"model{i}"] for i in range(len(model.weights))])
        if optimizer is not None:
            for i, variable in enumerate(optimizer.variables):
                variable.assign(state[f"optimizer{i}"])


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file in UTF-8 under a temporary name, then renames it."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _to_json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2) + "\n"
