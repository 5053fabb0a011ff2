"""`keras-xai compare`: what it prints, what it refuses."""

import dataclasses
import importlib.util
import json
import shutil

import keras
import pytest
from tiny_comparison import (
    ANALYZERS,
    QUICK,
    StandIn,
    compare_with_one_failure,
    innvestigate_is,
    read,
    write_run,
)

from keras_xai.cli import main
from keras_xai.comparison import cases
from keras_xai.comparison import compare as engine
from keras_xai.comparison.compare import compare
from keras_xai.comparison.options import Options
from keras_xai.errors import InputError


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("comparison") / "run")


@pytest.fixture(scope="module")
def finished(run_dir, polygons, tmp_path_factory):
    """To be left as it is."""
    out = tmp_path_factory.mktemp("comparison") / "out"
    return compare_with_one_failure(run_dir, polygons, out)


def test_command_tries_failed_methods_again_and_adds_further_ones(
    finished, run_dir, polygons, tmp_path, capsys
):
    out = shutil.copytree(finished, tmp_path / "out")
    sizes = [f"--{name.replace('_', '-')}={value}" for name, value in QUICK.items()]
    arguments = [str(run_dir), str(polygons), str(out), *sizes, "--quiet"]
    methods = [*ANALYZERS, "lrp.flat"]
    with innvestigate_is(StandIn(fails={"lrp.flat"})) as stand_in:
        capsys.readouterr()
        more = ["--methods", *methods, "--batch-size=3"]
        assert main(["compare", *arguments, *more]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert stand_in.asked == [["lrp.z", "lrp.flat"], ["lrp.z"]]
    failures = {method["name"]: method["failure"] for method in read(out)["methods"]}
    assert failures["lrp.z"] is None and failures["lrp.flat"] is not None
    page = (out / "report.html").read_text()
    assert "baseline.sobel" in page and "It took longer than 1 s." in page


def fails(capsys, *arguments):
    """Runs a command that must fail; returns its one sentence."""
    capsys.readouterr()
    assert main(["compare", *map(str, arguments), "--quiet"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def test_methods_that_are_there_stay(finished, run_dir, polygons, tmp_path):
    out = shutil.copytree(finished, tmp_path / "out")
    before = read(out)["values"]
    with innvestigate_is(StandIn(fails=set())) as stand_in:
        compare(run_dir, polygons, out, Options(**QUICK, methods=("lrp.flat",)))
    assert stand_in.asked == [["lrp.flat"], ["lrp.flat"]]
    found = read(out)
    names = [m["name"] for m in found["methods"] if m["kind"] == "analyzer"]
    assert names == ["lrp.flat", "deep_taylor", "gradient"]
    assert found["settings"]["methods"] == names
    assert found["values"]["gradient"] == before["gradient"]


def test_precision_reaches_the_analyzers(
    finished, run_dir, polygons, tmp_path, monkeypatch
):
    monkeypatch.setattr(cases, "only_cpu_multiplies_bfloat16", lambda: True)
    out = shutil.copytree(finished, tmp_path / "out")
    options = Options(**QUICK, methods=("gradient",), precision="bfloat16")
    with innvestigate_is(StandIn(fails=set())) as stand_in:
        with pytest.raises(InputError, match="another precision.*bfloat16"):
            compare(run_dir, polygons, out, options)
        compare(run_dir, polygons, tmp_path / "new", options)
        assert stand_in.precision == "bfloat16"
        found = read(tmp_path / "new")
        assert found["settings"]["precision"] == "bfloat16"
        notes = {m["name"]: m["note"] for m in found["methods"]}
        assert notes["gradient"].endswith("in bfloat16, the mask's in float32.")
        assert "bfloat16" not in notes["joint"] + notes["baseline.otsu"]
        # on another machine
        monkeypatch.setattr(cases, "only_cpu_multiplies_bfloat16", lambda: False)
        asked = len(stand_in.asked)
        options = dataclasses.replace(options, methods=())
        compare(run_dir, polygons, tmp_path / "new", options)
        assert read(tmp_path / "new")["values"] == found["values"]
        assert len(stand_in.asked) == asked
        config = json.loads((out / "config.json").read_text())
        assert config.pop("precision") == "float32"  # as in older folders
        (out / "config.json").write_text(json.dumps(config))
        compare(run_dir, polygons, out, Options(**QUICK, methods=("lrp.flat",)))
    assert stand_in.precision == "float32"


def test_what_is_not_asked_for_again_needs_no_innvestigate(
    finished, run_dir, polygons, tmp_path, monkeypatch
):
    out = shutil.copytree(finished, tmp_path / "out")
    (out / "randomised" / "gradient.npz").unlink()
    (out / "values" / "gradient.npz").unlink()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    compare(run_dir, polygons, out, Options(**QUICK, methods=()))
    found = read(out)
    assert "mass_target" in found["values"]["gradient"]
    assert "randomised_rank" not in found["values"]["gradient"]
    assert "randomised_rank" in found["values"]["deep_taylor"]
    [left_out] = found["left_out"]
    assert "not asked for again" in left_out["reason"]


def test_command_refuses_bad_input(run_dir, polygons, tmp_path, capsys, monkeypatch):
    out, missing = tmp_path / "out", tmp_path / "missing"
    none = ("--methods", "none")
    assert "missing" in fails(capsys, missing, polygons, out, *none)
    assert "missing" in fails(capsys, run_dir, missing, out, *none)
    assert "model.keras" in fails(capsys, polygons, polygons, out, *none)
    names = fails(capsys, run_dir, polygons, out, "--methods", "lime")
    assert "Unknown method 'lime'" in names and "deep_taylor" in names
    both = fails(capsys, run_dir, polygons, out, *none, "gradient")
    assert "names of analyzers, or none" in both
    assert "num_images=0" in fails(
        capsys, run_dir, polygons, out, *none, "--num-images=0"
    )
    assert "from_logits=True" in fails(
        capsys, run_dir, polygons, out, *none, "--logits"
    )
    with monkeypatch.context() as patch:
        patch.setattr(cases, "only_cpu_multiplies_bfloat16", lambda: False)
        patch.setattr(cases, "check_installed", lambda: None)
        bfloat16 = ("--methods", "gradient", "--precision", "bfloat16")
        message = fails(capsys, run_dir, polygons, out, *bfloat16)
        assert "without a GPU" in message and "precision=bfloat16" in message
    (tmp_path / "my.keras").write_text("no model")
    assert "classifier=joint" in fails(
        capsys, tmp_path / "my.keras", polygons, out, *none, "--classifier=joint"
    )
    for name in ("ham", "spam"):
        folder = shutil.copytree(polygons / "JPEGImages", tmp_path / "mail" / name)
    classes = fails(capsys, run_dir, folder.parent, out, *none)
    assert "a class 'ham'; expected one of the model's: no triangle, tri" in classes
    outputs = [keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    keras.Sequential([keras.Input((32, 32, 3)), *outputs]).save(tmp_path / "3.keras")
    message = fails(capsys, tmp_path / "3.keras", folder.parent, out, *none)
    assert "2 classes, ham, spam; expected 3, one for each of the model's" in message
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = fails(capsys, run_dir, polygons, out, "--methods", "gradient")
    assert "pip install" in message and "--methods none" in message
    assert not out.exists()


def test_a_folder_of_something_else_stays_as_it_is(run_dir, polygons, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("keep")
    assert "not empty" in fails(
        capsys, run_dir, polygons, tmp_path, "--methods", "none"
    )
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_memory_that_runs_out_is_one_sentence(
    run_dir, polygons, tmp_path, capsys, monkeypatch
):
    def exhausted(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(engine, "measure_all", exhausted)
    out = tmp_path / "out"
    message = fails(capsys, run_dir, polygons, out, "--methods", "none")
    assert "--batch-size" in message and str(out) in message
    assert (out / "heatmaps" / "joint.npz").exists()
