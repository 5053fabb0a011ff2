import dataclasses
import errno
import os
import resource
from pathlib import Path

import pytest
from tiny_polygons import SMALL, generate_quietly, read_files, read_list

import data_gen.generate as generate_module


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "set"
    generate_quietly(SMALL, folder)
    return folder


def test_a_set_can_be_extended(small, tmp_path):
    folder = tmp_path / "set"
    generate_quietly(dataclasses.replace(SMALL, num_images=16), folder)
    manifest = generate_quietly(
        dataclasses.replace(SMALL, num_images=8, start_index=16), folder
    )
    assert manifest["counts"]["images"] == 24
    assert manifest["counts"]["positives"] == 12
    assert manifest["next_index"] == 24
    assert [part["start_index"] for part in manifest["parts"]] == [0, 16]
    extended, whole = read_files(folder), read_files(small)
    assert extended.keys() == whole.keys()
    for name, content in whole.items():
        if not name.startswith(("ImageSets", "manifest")):
            assert extended[name] == content
    stems = read_list(folder, "train.txt") + read_list(folder, "val.txt")
    assert sorted(stems) == [f"{index:06d}" for index in range(24)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


def test_an_extended_set_keeps_what_else_is_in_its_folder(extension):
    folder, config = extension
    (folder / "ImageSets/Segmentation").mkdir()
    mine = (
        "notes.txt",
        ".hidden",
        "ImageSets/Main/mine.txt",
        "ImageSets/Segmentation/manifest.json",
    )
    for name in mine:
        (folder / name).write_text(name)
    (folder / "link").symlink_to("notes.txt")
    before = read_files(folder)
    generate_quietly(config, folder)
    assert all((folder / name).read_text() == name for name in mine)
    assert os.readlink(folder / "link") == "notes.txt"
    assert before.keys() < read_files(folder).keys()


def test_a_file_that_cannot_be_carried_over_is_named(extension, monkeypatch):
    folder, config = extension
    before = read_files(folder)

    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match=r"set: .*set/.* cannot be carried over: .*Oper"):
        generate_quietly(config, folder)
    assert read_files(folder) == before


def test_a_set_is_never_overwritten(tmp_path):
    generate_quietly(SMALL, tmp_path / "set")
    before = read_files(tmp_path / "set")
    with pytest.raises(FileExistsError, match="only a `start_index` of 24 would"):
        generate_quietly(SMALL, tmp_path / "set")
    with pytest.raises(
        FileExistsError, match="neither empty nor a set made with these"
    ):
        generate_quietly(
            dataclasses.replace(SMALL, start_index=24, filled=True), tmp_path / "set"
        )
    assert read_files(tmp_path / "set") == before


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_foreign_folders_are_left_alone(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(FileExistsError, match="neither empty nor a set"):
        generate_quietly(SMALL, tmp_path)
    assert read_files(tmp_path) == {"manifest.json": content.encode()}


def test_empty_folders_are_filled_and_parents_made(tmp_path):
    (tmp_path / "empty").mkdir()
    assert generate_quietly(SMALL, tmp_path / "empty")["counts"]["images"] == 24
    assert generate_quietly(SMALL, tmp_path / "a/b")["counts"]["images"] == 24


def test_a_file_in_the_way_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="it is a file"):
        generate_quietly(SMALL, tmp_path / "file")
    with pytest.raises(OSError, match=r"^Cannot write the data set to .*/file/set: "):
        generate_quietly(SMALL, tmp_path / "file" / "set")


@pytest.fixture
def extension(tmp_path):
    """A set, and the options that would extend it."""
    generate_quietly(dataclasses.replace(SMALL, num_images=16), tmp_path / "set")
    return tmp_path / "set", dataclasses.replace(SMALL, num_images=8, start_index=16)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space")]
)
@pytest.mark.parametrize("step", ["encode_png", "_write_lists", "_put_in_place"])
def test_nothing_is_left_of_an_interrupted_call(extension, monkeypatch, step, error):
    folder, config = extension
    before = read_files(folder)

    def fail(*args):
        raise error

    monkeypatch.setattr(generate_module, step, fail)
    for target in (folder, folder.parent / "new"):
        start = 16 if target == folder else 0
        with pytest.raises((KeyboardInterrupt, OSError)):
            generate_quietly(dataclasses.replace(config, start_index=start), target)
    assert read_files(folder) == before
    assert os.listdir(folder.parent) == ["set"]


def test_an_interrupted_exchange_is_taken_back(extension, monkeypatch):
    folder, config = extension
    before = read_files(folder)
    rename = Path.rename

    def fail_once(self, target):
        if self.parent.name.startswith(".polygons-") and self.name == "set":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(KeyboardInterrupt):
        generate_quietly(config, folder)
    assert read_files(folder) == before


def test_a_full_disk_ends_in_one_sentence(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(
            OSError, match=r"^Cannot write the data set to .*set: .*\.$"
        ):
            generate_quietly(SMALL, tmp_path / "set")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


def test_the_current_folder_is_filled_and_extended_from_outside(tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    (room / ".polygons-killed").mkdir()
    monkeypatch.chdir(room)
    generate_quietly(SMALL, ".")
    assert {"JPEGImages", "manifest.json"} <= set(os.listdir("."))
    before = read_files(room)
    more = dataclasses.replace(SMALL, start_index=24)
    with pytest.raises(FileExistsError, match="extended from outside"):
        generate_quietly(more, ".")
    assert read_files(room) == before
    monkeypatch.chdir(tmp_path)
    assert generate_quietly(more, room)["next_index"] == 48


def test_an_interrupted_filling_is_taken_back(tmp_path, monkeypatch):
    rename, names = Path.rename, []

    def fail_at_the_manifest(path, target):
        if Path(target).parent == tmp_path:
            names.append(path.name)
            if path.name == "manifest.json":
                raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_manifest)
    with pytest.raises(KeyboardInterrupt):
        generate_quietly(SMALL, tmp_path)
    assert names[-1] == "manifest.json" and len(names) == 5
    assert os.listdir(tmp_path) == []
