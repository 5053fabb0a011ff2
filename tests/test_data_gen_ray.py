"""Generating on a Ray cluster."""

import dataclasses
import importlib.util
import os
import sys

import pytest

from data_gen.config import PolygonConfig
from data_gen.generate import generate
from keras_xai.cli import main

CONFIG = PolygonConfig(
    num_images=300, num_positive=120, image_size=32, max_shapes=3, max_radius=8
)
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs the extra `ray`"
)


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*")}


@needs_ray
@pytest.mark.slow
def test_a_cluster_writes_the_bytes_that_processes_write(tmp_path):
    generate(CONFIG, tmp_path / "ray", ray_address="local", progress=False)
    generate(CONFIG, tmp_path / "here", workers=1, progress=False)
    assert files(tmp_path / "ray") == files(tmp_path / "here")


@needs_ray
@pytest.mark.slow
def test_an_error_on_the_cluster_is_the_error_of_the_call(tmp_path):
    crowded = dataclasses.replace(CONFIG, overlap=False, min_shapes=30, max_shapes=30)
    with pytest.raises(
        ValueError, match="`max_shapes`. Expected shapes that find room"
    ):
        generate(crowded, tmp_path / "set", ray_address="local", progress=False)
    assert os.listdir(tmp_path) == []


def test_workers_and_a_cluster_exclude_each_other(tmp_path, capsys):
    assert main(["generate", str(tmp_path / "set"), "--workers=2", "--ray=auto"]) == 2
    assert "`workers`. Expected none beside `ray_address`" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_missing_ray_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["generate", str(tmp_path / "set"), "--ray=auto"]) == 2
    assert "pip install 'keras-xai[ray]'" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
