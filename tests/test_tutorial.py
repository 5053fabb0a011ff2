"""The tutorial's pages say what their scripts do, with verbs and options that exist."""

import argparse
import ast
import re
import shlex
from pathlib import Path

import pytest

from keras_xai.cli import VERBS

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial"
SCRIPTS = sorted(TUTORIAL.glob("*.py"))
CELL = re.compile(r"^# %%(.*)\n", re.MULTILINE)
MAX_PICTURE_BYTES = 400_000

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def _cells(script):
    """Splits a script into the texts of its markdown cells and of its code cells."""
    _, *pieces = CELL.split(script.read_text())
    cells = {"markdown": [], "code": []}
    for title, text in zip(pieces[::2], pieces[1::2], strict=True):
        if "[markdown]" in title:
            cells["markdown"].append(text.strip().strip('"').strip())
        else:
            cells["code"].append(text.strip())
    return cells


def _commands(script):
    """Lists what is given to `keras_xai`, as far as it can be told without running.

    A constant of the script's is filled in; any other name becomes a word.
    """
    nodes = list(ast.walk(ast.parse(script.read_text())))
    constants = {
        node.targets[0].id: node.value.value
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "keras_xai":
            parts = getattr(node.args[0], "values", [node.args[0]])
            yield "".join(
                part.value
                if isinstance(part, ast.Constant)
                else constants.get(ast.unparse(part.value), "word")
                for part in parts
            )


def _parse(command):
    verb, *arguments = shlex.split(command)
    parser = argparse.ArgumentParser(prog=verb, allow_abbrev=False)
    VERBS[verb].add_arguments(parser)
    return parser.parse_args(arguments)


def _options(verb):
    parser = argparse.ArgumentParser()
    VERBS[verb].add_arguments(parser)
    return {"--quiet", *parser._option_string_actions}


def test_three_pages():
    assert [script.stem for script in SCRIPTS] == ["classifier", "polygons", "voc"]


@each_script
def test_script_compiles(script):
    compile(script.read_text(), script.name, "exec")


@each_script
def test_every_command_is_one_that_the_verbs_take(script):
    commands = list(_commands(script))
    assert len(commands) >= 3
    for command in commands:
        _parse(command)


def test_a_command_with_an_unknown_option_is_found_out():
    with pytest.raises(SystemExit):
        _parse("train data run --outside-box 1")


@each_script
def test_prose_names_options_and_verbs_that_exist(script):
    known = set().union(*map(_options, VERBS))
    for text in _cells(script)["markdown"]:
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)) <= known
        assert set(re.findall(r"keras-xai (\w+)", text)) <= set(VERBS)


@each_script
def test_page_has_every_cell_of_its_script(script):
    page = script.with_suffix(".md").read_text()
    cells = _cells(script)
    in_page = re.findall(r"^```python\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    assert [code.strip() for code in in_page] == cells["code"]
    start = 0
    for text in cells["markdown"]:
        assert text in page[start:], text.splitlines()[0]
        start = page.index(text, start) + len(text)


@each_script
def test_page_shows_nothing_of_the_machine_that_made_it(script):
    page = script.with_suffix(".md").read_text()
    for noise in (
        "/tmp",
        "/home",
        "/root",
        str(TUTORIAL.parent.parent),
        "Warning",
        "WARNING",
        "Traceback",
    ):
        assert noise not in page


@each_script
def test_pictures_are_there_small_and_all_in_use(script):
    page = script.with_suffix(".md").read_text()
    named = {TUTORIAL / path for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page)}
    stored = set((TUTORIAL / f"{script.stem}_files").iterdir())
    assert named == stored
    for picture in stored:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < MAX_PICTURE_BYTES


@each_script
def test_links_lead_to_files(script):
    text = "\n".join(_cells(script)["markdown"])
    for path in re.findall(r"(?<!!)\[[^]]*\]\((?!http)([^)]+)\)", text):
        assert (TUTORIAL / path).exists(), path
