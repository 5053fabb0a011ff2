"""Which room may import which: the arrows of the house, as a table."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "data_gen": set(),
    "errors": set(),
    "losses": set(),
    "evaluation": set(),
    "models": set(),
    "analyzers": {"errors", "models.cloning"},
    "datasets": {"errors"},
    "report": {
        "datasets.arrays",
        "datasets.class_names",
        "datasets.classification",
        "datasets.images",
        "datasets.voc",
        "errors",
    },
    "training": {"datasets", "errors", "evaluation", "losses", "models"},
    "folders": {"errors"},
    "saved_models": {"errors"},
    "explanations": {"datasets", "errors", "folders", "saved_models"},
    "decoding": {"datasets", "errors", "folders", "models", "training"},
    "comparison": {
        "analyzers",
        "datasets",
        "decoding",
        "errors",
        "evaluation",
        "explanations",
        "models",
        "report",
        "saved_models",
        "training",
    },
    "attributions": {"analyzers", "comparison", "datasets", "report"},
    "reconstructions": {"datasets", "errors", "evaluation", "report", "saved_models"},
    "decisions": {
        "analyzers",
        "attributions",
        "comparison",
        "datasets",
        "errors",
        "folders",
        "reconstructions",
        "training",
    },
    "cropping": {"datasets", "errors", "folders"},
    "recipes": {"training.config", "training.decoding_config"},
    "sweeps": {"training.runs"},
    "reproduction": {
        "analyzers.methods",
        "comparison",
        "data_gen",
        "datasets",
        "errors",
        "evaluation",
        "explanations",
        "models",
        "recipes",
        "report",
        "sweeps",
        "training",
    },
    "cli": {
        "analyzers",
        "comparison",
        "cropping",
        "data_gen",
        "datasets",
        "decisions",
        "decoding",
        "errors",
        "explanations",
        "folders",
        "models",
        "recipes",
        "reconstructions",
        "report",
        "reproduction",
        "saved_models",
        "sweeps",
        "training",
    },
}
SOURCES = sorted([*ROOT.glob("keras_xai/**/*.py"), *ROOT.glob("data_gen/*.py")])


def _module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[1:] if parts[0] == "keras_xai" else parts)


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("data_gen"):
                yield "data_gen"
            elif name.startswith("keras_xai."):
                yield name.removeprefix("keras_xai.")


def _room(module):
    return module.split(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=_module)
def test_room_imports_only_what_it_may(path):
    module = _module(path)
    if module == "__init__":
        assert list(_imports(path)) == []
        return
    room = _room(module)
    assert room in MAY_IMPORT, f"{path} belongs to no room"
    for imported in _imports(path):
        if imported == "__version__" or _room(imported) == room:
            continue
        allowed = any(
            imported == rule or imported.startswith(f"{rule}.")
            for rule in MAY_IMPORT[room]
        )
        assert allowed, f"{module} must not import {imported}"


def test_every_rule_names_a_room():
    rooms = {_room(_module(path)) for path in SOURCES}
    assert set(MAY_IMPORT) <= rooms
