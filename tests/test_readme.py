"""The README says what the repository holds."""

import argparse
import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest

from keras_xai.cli import VERBS, main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def _script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_of_claims_is_the_ledgers():
    path = ROOT / "results" / "claims.json"
    if not path.exists():
        pytest.skip("no results/claims.json: nothing has been measured")
    claims = json.loads(path.read_text())
    assert _script("update_readme").fill(README, claims) == README


def test_measured_claims_have_a_row_and_the_others_are_named():
    claim = {
        "id": "joint-fig9-112",
        "claim": "Fig. 9: it works",
        "paper_value": "1.00",
        "holds_if": "≥ 0.9",
        "ours_mean": None,
        "ours_sd": None,
        "n": 0,
        "verdict": "missing",
        "command": "keras-xai reproduce joint --profile paper",
    }
    ours = {"mean": 0.25, "sd": None, "n": 1}
    half = claim | {"id": "half", "our_recipe": ours}
    done = claim | {"ours_mean": 0.5, "ours_sd": 0.01, "n": 3, "our_recipe": ours}
    alone = done | {"id": "alone"}
    del alone["our_recipe"]
    table = _script("update_readme").format_claims([claim, half, done, alone])
    assert "| 1.00 | ≥ 0.9 | missing | 0.250 (1) |" in table
    assert "| 1.00 | ≥ 0.9 | 0.500 ± 0.010 (3) | 0.250 (1) |" in table
    assert (
        "| 1.00 | ≥ 0.9 | 0.500 ± 0.010 (3) | – | missing | `reproduce joint` |\n"
        in table
    )
    assert table.endswith("\n\nNot measured yet: joint-fig9-112.\n")


def test_every_command_names_a_verb():
    commands = re.findall(r"^keras-xai (\S+)", README, re.MULTILINE)
    assert set(commands) <= set(VERBS)
    assert set(VERBS) <= set(commands)


def test_every_command_is_understood(monkeypatch):
    for module in VERBS.values():
        monkeypatch.setattr(module, "run", lambda args: "done")
    pages = [README, *(p.read_text() for p in ROOT.glob("docs/**/*.md"))]
    commands = re.findall(
        r"^keras-xai (.+)", "\n".join(pages).replace("\\\n", ""), re.MULTILINE
    )
    assert len(commands) > 20
    for command in commands:
        assert main(shlex.split(command)) == 0, command


def test_make_reproduces_every_experiment():
    parser = argparse.ArgumentParser()
    VERBS["reproduce"].add_arguments(parser)
    papers = parser._positionals._group_actions[0].choices
    makefile = (ROOT / "Makefile").read_text()
    assert re.findall(r"keras-xai reproduce (\w+)", makefile) == list(papers)


def test_tree_names_what_is_there():
    for path in re.findall(r"^  (\S+\.py|\S+/) ", README, re.MULTILINE):
        assert list(ROOT.glob(f"*/{path}")), path


def test_tree_names_everything_that_is_there():
    tree = README.split("## What lives where")[1]
    rooms = [p for p in (ROOT / "keras_xai").iterdir() if not p.name.startswith("_")]
    files = [*ROOT.glob("data_gen/[!_]*.py"), *ROOT.glob("scripts/*.py")]
    for path in [*rooms, *files]:
        name = path.name + ("/" if path.is_dir() else "")
        assert f"  {name} " in tree or f"scripts/{name} " in tree, name


def test_pictures_are_there():
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).exists(), path


def test_python_runs_as_it_stands(tmp_path, monkeypatch, float32):
    """With small data, a small model and a short recipe."""
    import keras
    import numpy as np

    from keras_xai.recipes import RECIPES

    recipe = RECIPES["joint-photographs"]
    monkeypatch.setitem(RECIPES, "joint-photographs", lambda _: recipe("smoke"))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    conv = keras.layers.Conv2D(4, 3, padding="same", name="block2_out")
    layers = [keras.Input((32, 32, 3)), conv, keras.layers.GlobalMaxPooling2D()]
    names = {
        "images": rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8),
        "labels": np.arange(12) % 2,
        "val_images": rng.random((6, 32, 32, 3)),
        "val_labels": np.arange(6) % 2,
        "model": keras.Sequential([*layers, keras.layers.Dense(2, "softmax")]),
    }
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    exec(code, names)
    outputs = names["outputs"]
    assert outputs["mask"].shape == (6, 32, 32, 1) and outputs["probs"].shape == (6, 2)
    assert 0 <= outputs["mask"].min() <= outputs["mask"].max() <= 1
