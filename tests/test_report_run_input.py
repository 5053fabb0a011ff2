"""What is missing or broken in a run, its data or its explanations."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from tiny_run import write, write_inputs

from keras_xai.errors import InputError


@pytest.mark.parametrize(
    "path",
    [
        "run/config.json",
        "run/environment.json",
        "data/ImageSets/Main/star_val.txt",
        "data/JPEGImages/000003.png",
        "explained/masks.npz",
        "explained/predictions.csv",
    ],
)
def test_a_missing_file_is_named_and_nothing_is_written(tmp_path, path):
    inputs = write_inputs(tmp_path)
    (tmp_path / path).unlink()
    named = path.replace("star_val", "val")  # VOC's list of a class may be missing
    with pytest.raises(
        InputError, match=f"{re.escape(named)} does not exist; expected"
    ):
        write(inputs)
    assert not inputs.out.parent.exists()


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("run/config.json", "{", "is not valid JSON"),
        ("run/config.json", "{}", "lacks `seed`; expected a run of `train`"),
        ("run/log.csv", "stage,epoch\n", "has no epochs"),
        ("run/log.csv", "loss\n0.5\n", "has no epochs"),
        ("run/log.csv", "stage,epoch\njoint,one\n", "is broken: .*'one'"),
        ("run/log.csv", "stage,epoch\njoint\n", "as many cells as columns"),
        ("data/ImageSets/Main/star_val.txt", "", "is empty"),
        ("data/ImageSets/Main/star_val.txt", "0 7\n", "bad line.*Received: 0 7"),
        ("data/ImageSets/Main/star_val.txt", "77 1\n", "have no image 77"),
        ("explained/predictions.csv", "", "other columns or no rows"),
        (
            "explained/predictions.csv",
            "filename,label,no star,star\n000000.png,square,1,0\n",
            "a broken row for image 000000",
        ),
        ("explained/masks.npz", "no archive", "masks.npz is broken"),
        ("data/JPEGImages/000003.png", "no image", "cannot be decoded"),
    ],
)
def test_a_broken_file_is_named(tmp_path, path, text, message):
    inputs = write_inputs(tmp_path)
    (tmp_path / path).write_text(text)
    with pytest.raises(InputError, match=message):
        write(inputs)
    assert not inputs.out.parent.exists()


def test_an_image_without_a_mask_is_named(tmp_path):
    inputs = write_inputs(tmp_path)
    np.savez(inputs.explained / "masks.npz", mask=np.ones((1, 8, 8)), filename=["a"])
    with pytest.raises(InputError, match="masks.npz lacks '000001.png'"):
        write(inputs)


def test_a_failed_write_leaves_the_older_report_alone(tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path)
    inputs.out.parent.mkdir()
    inputs.out.write_text("older")

    def fail(source, target):
        assert Path(source).exists()
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(inputs)
    assert os.listdir(inputs.out.parent) == ["report.html"]
    assert inputs.out.read_text() == "older"
