import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from keras_xai.cli import VERBS, main
from keras_xai.folders import new_folder

TINY_RUN = [
    "--profile=smoke",
    "--precision=float32",
    "--quiet",
    "--set=explainer_filters=[4,8]",
    "--set=classifier_filters=[4,8]",
    "--set=dense_units=[8]",
]


@pytest.fixture(scope="module")
def run_dir(polygons, tmp_path_factory):
    run = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", str(polygons), str(run), *TINY_RUN]) == 0
    return run


def fails(capsys, *arguments):
    """Runs a command that must fail; returns its one sentence."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"keras-xai {arguments[0]}: ")
    return captured.err


def test_help_is_instant_and_names_every_verb():
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "keras_xai.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.monotonic() - start < 3  # a quiet machine takes 0.2 s
    for verb in VERBS:
        assert verb in done.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from keras_xai.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "found = {name.split('.')[0] for name in sys.modules}\n"
        "heavy = 'tensorflow keras matplotlib rich lxml scipy cv2 PIL jinja2 pandas'\n"
        "assert not found & set(heavy.split()), found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_verbs_without_a_model_import_no_tensorflow():
    code = (
        "import sys\n"
        "import keras_xai.cropping, keras_xai.report.report, data_gen.generate\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_explain_writes_masks_and_predictions(run_dir, polygons, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["explain", str(run_dir), str(polygons), str(out), "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    with np.load(out / "masks.npz") as arrays:
        masks, filenames = arrays["mask"], arrays["filename"]
    assert masks.shape == (24, 32, 32) and masks.dtype == np.float32
    assert masks.min() >= 0 and masks.max() <= 1
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["filename"] for row in rows] == list(filenames)
    for row in rows:
        probs = {name: float(row[name]) for name in ("no triangle", "triangle")}
        assert sum(probs.values()) == pytest.approx(1, abs=1e-5)
        assert row["label"] == max(probs, key=probs.get)
    for folder in ("masks", "overlays", "thresholded"):
        assert len(list((out / folder).iterdir())) == 24


def test_explanation_does_not_depend_on_the_batch(run_dir, polygons, tmp_path):
    for size in ("5", "24"):
        options = ["--batch-size", size, "--quiet"]
        main(["explain", str(run_dir), str(polygons), str(tmp_path / size), *options])
    with (
        np.load(tmp_path / "5/masks.npz") as a,
        np.load(tmp_path / "24/masks.npz") as b,
    ):
        np.testing.assert_allclose(a["mask"], b["mask"], atol=1e-5)


def test_explain_takes_images_of_any_size_and_mode(run_dir, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    Image.new("L", (50, 20), 255).save(folder / "grey.png")
    Image.new("RGBA", (7, 90), (255, 0, 0, 128)).save(folder / "alpha.png")
    Image.new("RGB", (32, 32)).save(folder / "photo.jpg")
    assert main(["explain", str(run_dir), str(folder), str(tmp_path / "o")]) == 0
    with np.load(tmp_path / "o/masks.npz") as arrays:
        assert arrays["mask"].shape == (3, 32, 32)
        assert list(arrays["filename"]) == ["alpha.png", "grey.png", "photo.jpg"]


def test_explain_keeps_the_folders_of_classes(run_dir, tmp_path):
    for name in ("cat/1.png", "dog/1.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True)
        Image.new("RGB", (32, 32), "red" if "cat" in name else "blue").save(path)
    out = tmp_path / "out"
    assert main(["explain", str(run_dir), str(tmp_path / "photos"), str(out)]) == 0
    with np.load(out / "masks.npz") as arrays:
        assert list(arrays["filename"]) == ["cat/1.png", "dog/1.png"]
    with (out / "predictions.csv").open(newline="") as file:
        names = [row["filename"] for row in csv.DictReader(file)]
    assert names == ["cat/1.png", "dog/1.png"]
    for kind in ("masks", "overlays", "thresholded"):
        cat, dog = (out / kind / f"{name}.png" for name in names)
        assert cat.exists() and dog.exists()
    page = tmp_path / "page.html"
    assert main(["report", str(out), str(page)]) == 0
    assert "dog/1.png" in page.read_text()


def test_explain_takes_an_array_of_images(run_dir, tmp_path, rng):
    images = rng.integers(0, 256, (3, 40, 30), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images)
    out = tmp_path / "out"
    arguments = [str(run_dir), str(tmp_path / "images.npz"), str(out), "--quiet"]
    assert main(["explain", *arguments]) == 0
    with np.load(out / "masks.npz") as arrays:
        assert list(arrays["filename"]) == ["000000", "000001", "000002"]
        assert arrays["mask"].shape == (3, 32, 32)
    assert (out / "overlays" / "000002.png").exists()


def test_explain_refuses_and_keeps_what_is_there(run_dir, tmp_path, capsys):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    assert "holds no image" in fails(capsys, "explain", run_dir, images, out)
    Image.new("RGB", (32, 32)).save(images / "a.png")
    (images / "b.png").write_text("no image")
    assert "b.png" in fails(capsys, "explain", run_dir, images, out)
    assert not out.exists()
    assert {p.name for p in tmp_path.iterdir()} == {"images"}
    zero = fails(capsys, "explain", run_dir, images, out, "--batch-size=0")
    assert "Received: batch_size=0" in zero
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    assert "not empty" in fails(capsys, "explain", run_dir, images, out)
    assert (out / "mine.txt").read_text() == "keep"
    assert "model.keras" in fails(capsys, "explain", images, images, tmp_path / "x")


def test_train_refuses_bad_input(polygons, run_dir, tmp_path, capsys):
    run = tmp_path / "run"
    missing = tmp_path / "missing"
    assert "missing" in fails(capsys, "train", missing, run, *TINY_RUN)
    assert "Expected one of joint" in fails(
        capsys, "train", polygons, run, "--recipe=best"
    )
    assert "Unknown option `lambda`" in fails(
        capsys, "train", polygons, run, "--set=lambda=1"
    )
    assert "OPTION=VALUE" in fails(capsys, "train", polygons, run, "--set=lambda")
    assert "divisible by 64" in fails(
        capsys,
        "train",
        polygons,
        run,
        *TINY_RUN,
        "--set=classifier_filters=[4,8,8,8,8,8]",
    )
    assert "another seed" in fails(
        capsys, "train", polygons, run_dir, *TINY_RUN, "--seed=9"
    )
    assert not run.exists()
    copy = shutil.copytree(polygons, tmp_path / "copy")
    next((copy / "Annotations").iterdir()).write_text("<annotation>")
    assert "not well-formed" in fails(capsys, "train", copy, run, *TINY_RUN)
    assert not run.exists()


@pytest.mark.parametrize("verb", ["compare", "decode", "demo"])
def test_every_seed_is_checked(verb, tmp_path, capsys):
    more = {"compare": ["a", "b", "c"], "demo": ["a"]}
    more["decode"] = ["a.keras", "--layer=b", "--data=c", "d"]
    message = fails(capsys, verb, *more[verb], "--seed", "-1")
    assert "`--seed`. Expected a number from 0 to 4294967295. Received: seed=-1" in (
        message
    )


def test_unwritable_output_is_one_sentence(polygons, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    fails(capsys, "train", polygons, tmp_path / "file/run", *TINY_RUN)


def test_reproduce_names_a_cell_that_is_not_there(tmp_path, capsys):
    arguments = ["reproduce", "joint", "--only=nothing", "--results", tmp_path]
    assert "--list" in fails(capsys, *arguments)
    assert not list(tmp_path.iterdir())


def test_reproduce_lists_what_is_missing(tmp_path, capsys):
    arguments = ["reproduce", "joint", "--list", "--results", str(tmp_path)]
    assert main([*arguments, "--profile=smoke"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(line.startswith("missing joint") for line in lines)


@pytest.mark.parametrize("content", ["", "{", '{"seed": 1}'])
def test_a_broken_run_is_one_sentence(run_dir, polygons, content, tmp_path, capsys):
    broken = tmp_path / "run"
    shutil.copytree(run_dir, broken)
    (broken / "config.json").write_text(content)
    error = fails(capsys, "explain", broken, polygons, tmp_path / "out")
    assert "config.json is broken; expected that of a run" in error
    model = (broken / "model.keras").read_bytes()
    (broken / "model.keras").write_bytes(model[: len(model) // 2])
    error = fails(capsys, "explain", broken, polygons, tmp_path / "out")
    assert "model.keras cannot be loaded" in error
    assert not (tmp_path / "out").exists()


def test_memory_that_runs_out_is_one_sentence(monkeypatch, tmp_path, capsys):
    def run(args):
        raise MemoryError

    monkeypatch.setattr(VERBS["report"], "run", run)
    error = fails(capsys, "report", tmp_path, tmp_path / "report.html")
    assert "Memory ran out; expected room" in error


def test_a_terminated_verb_removes_what_is_half_done(monkeypatch, tmp_path):
    def run(args):
        with new_folder(args.out) as part:
            (part / "half.txt").write_text("done")
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    monkeypatch.setattr(VERBS["report"], "run", run)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path), str(tmp_path / "out")])
    assert ended.value.code == 143
    assert os.listdir(tmp_path) == []
    assert signal.getsignal(signal.SIGTERM) is before
