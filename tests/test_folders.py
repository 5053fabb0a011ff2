"""A folder for the user appears whole, wherever it is asked for."""

import os
import shutil
from pathlib import Path

import pytest

from keras_xai.errors import InputError
from keras_xai.folders import new_folder


def fill(out_dir):
    with new_folder(out_dir) as part:
        (part / "sub").mkdir()
        (part / "sub" / "a.txt").write_text("a")
        (part / ".b").write_text("b")


def assert_filled(folder):
    files = {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert files == {"sub/a.txt": "a", ".b": "b"}


def test_new_folder_appears_at_the_end_with_its_parents(tmp_path):
    with new_folder(tmp_path / "a" / "b") as part:
        (part / "c.txt").write_text("c")
        assert not (tmp_path / "a" / "b").exists()
    assert os.listdir(tmp_path / "a") == ["b"]
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "c"


def test_the_current_folder_is_filled_and_stays_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(Path("."))
    assert sorted(os.listdir(".")) == [".b", "sub"]
    assert_filled(tmp_path)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_is_followed(tmp_path, is_there):
    if is_there:
        (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    fill(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert_filled(tmp_path / "target")
    assert sorted(os.listdir(tmp_path)) == ["link", "target"]


@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_left_after_an_error(tmp_path, is_there):
    out = tmp_path / "out"
    if is_there:
        out.mkdir()
    with pytest.raises(KeyboardInterrupt), new_folder(out) as part:
        (part / "a.txt").write_text("a")
        raise KeyboardInterrupt
    assert out.exists() == is_there
    assert os.listdir(out if is_there else tmp_path) == []


def test_what_is_there_is_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(InputError, match="exists and is not empty"):
            fill(path)
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), new_folder(tmp_path / "file" / "out"):
        raise AssertionError("hours of work")


def test_what_a_killed_call_left_is_no_obstacle(tmp_path):
    (tmp_path / ".part-killed" / "part").mkdir(parents=True)
    fill(tmp_path)
    shutil.rmtree(tmp_path / ".part-killed")
    assert_filled(tmp_path)
