"""How the child process is run and what becomes of its failures.

The child is a stand-in here: what it does with a method, its name says.
"""

import importlib.util
import json
import sys

import keras
import numpy as np
import pytest

from keras_xai.analyzers import innvestigate
from keras_xai.analyzers.innvestigate import Failure, analyze
from keras_xai.analyzers.methods import METHODS, AnalyzerSpec
from keras_xai.analyzers.network import extract_network
from keras_xai.errors import InputError

SHAPE = (8, 8, 2)
NUM_IMAGES = 3
FILENAMES = ["a.png", "b.png", "c.png"]
STAND_IN = """
import json, os, pathlib, sys, time
job_dir, out_dir, names = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
(out_dir / "job.json").write_text(pathlib.Path(job_dir, "job.json").read_text())
(out_dir / "arrays").write_bytes(pathlib.Path(job_dir, "arrays.npz").read_bytes())
def tell(**message):
    print(json.dumps(message), flush=True)
if "no start" in names:
    sys.exit("ImportError: no TensorFlow")
with (out_dir / "started.txt").open("a") as file:
    print(os.environ.get("ONEDNN_DEFAULT_FPMATH_MODE"), *names, file=file)
for name in names:
    tell(event="started", method=name)
    if name == "--check" and (out_dir / "wrong").exists():
        tell(event="failed", method=name, reason="ValueError: it differs")
        continue
    if name == "--check" and (out_dir / "killed").exists():
        os.kill(os.getpid(), 9)
    if name.startswith("killed"):
        os.kill(os.getpid(), 9)
    if name.startswith("aborted"):
        os.abort()
    if name.startswith("slow"):
        time.sleep(60)
    if ": " in name:
        tell(event="failed", method=name, reason=name)
        continue
    tell(event="progress", method=name, num_images=2)
    (out_dir / f"{name}.npz").touch()
    tell(event="done", method=name)
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch, float32):
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    monkeypatch.setattr(innvestigate, "_CHILD", (sys.executable, str(script)))
    monkeypatch.setattr(innvestigate, "check_installed", lambda: None)
    out_dir = tmp_path / "out"
    layers = [
        keras.Input(SHAPE),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    network = extract_network(keras.Sequential(layers))

    def run(names, **options):
        values = {
            "images": np.full((NUM_IMAGES, *SHAPE), 7, np.uint8),
            "probs": np.tile(np.float32([0.2, 0.7, 0.1]), (NUM_IMAGES, 1)),
            "methods": {name: METHODS.get(name, AnalyzerSpec("x")) for name in names},
            "filenames": FILENAMES,
            "input_range": (0, 255),
            "out_dir": out_dir,
            "seconds_per_method": 5,
        }
        return analyze(network, **(values | options))

    return run


def test_killed_and_slow_methods_leave_the_others(stand_in, tmp_path):
    names = ["first", "killed", "second", "slow", "aborted", "third"]
    done = []
    results = stand_in(names, seconds_per_method=1, report=done.append)
    assert results == {
        "first": tmp_path / "out/first.npz",
        "killed": Failure(
            "The process was killed, as happens when memory runs out.", is_final=False
        ),
        "second": tmp_path / "out/second.npz",
        "slow": Failure("It took longer than 1 s.", is_final=False),
        "aborted": Failure("The process was ended by SIGABRT.", is_final=False),
        "third": tmp_path / "out/third.npz",
    }
    assert list(results) == names
    assert done == [2, 3, 6, 8, 9, 12, 15, 17, 18]


def test_memory_that_runs_out_in_a_method_is_not_its_last_word(stand_in):
    out_of_memory, wrong = (
        "ResourceExhaustedError: OOM",
        "ValueError: Need LRP rule(s).",
    )
    assert stand_in([out_of_memory, wrong]) == {
        out_of_memory: Failure(out_of_memory, is_final=False),
        wrong: Failure(wrong),
    }


def test_process_that_does_not_start_fails_every_method(stand_in):
    failure = Failure(
        "The process ended early: ImportError: no TensorFlow", is_final=False
    )
    assert stand_in(["first", "no start"]) == {"first": failure, "no start": failure}


def test_bfloat16_comes_after_a_check_in_float32(stand_in, tmp_path, monkeypatch):
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    started, done = tmp_path / "out/started.txt", []
    names = ["first", "killed", "second"]
    results = stand_in(names, precision="bfloat16", report=done.append)
    assert started.read_text().splitlines() == [
        "STRICT --check",
        "BF16 first killed second",
        "BF16 second",
    ]
    assert list(results) == names
    assert done == [2, 3, 6, 8, 9]
    assert not json.loads((tmp_path / "out/job.json").read_text())["checks"]

    (tmp_path / "out/wrong").touch()
    failure = Failure("ValueError: it differs")
    assert stand_in(["a", "b"], precision="bfloat16") == {"a": failure, "b": failure}
    assert started.read_text().splitlines()[3:] == ["STRICT --check"]

    (tmp_path / "out/wrong").rename(tmp_path / "out/killed")
    (failure,) = stand_in(["a"], precision="bfloat16").values()
    assert "was killed" in failure.reason and not failure.is_final

    stand_in(["first"])
    assert started.read_text().splitlines()[5:] == ["STRICT first"]
    assert json.loads((tmp_path / "out/job.json").read_text())["checks"]


def test_options_follow_the_scaled_range(stand_in, tmp_path):
    stand_in(METHODS)
    methods = json.loads((tmp_path / "out/job.json").read_text())["methods"]
    bounded = methods["deep_taylor.bounded"]["options"]
    assert bounded == pytest.approx({"low": 0, "high": 1}, abs=1e-6)
    assert methods["smoothgrad"]["options"]["noise_scale"] == pytest.approx(0.1)


def test_samples_are_the_notebooks_unless_fewer_are_asked_for(stand_in, tmp_path):
    arguments = {"smoothgrad": "augment_by_n", "integrated_gradients": "steps"}
    for options, expected in (({}, 64), ({"num_samples": 5}, 5)):
        stand_in(METHODS, **options)
        methods = json.loads((tmp_path / "out/job.json").read_text())["methods"]
        for name, argument in arguments.items():
            assert methods[name]["options"][argument] == expected


@pytest.mark.parametrize("classes", [None, np.array([0, 2, 1])])
def test_the_predicted_class_is_explained_unless_others_are_given(
    stand_in, tmp_path, classes
):
    stand_in(["first"], classes=classes)
    with np.load(tmp_path / "out/arrays") as arrays:
        expected = [1, 1, 1] if classes is None else classes
        np.testing.assert_array_equal(arrays["classes"], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_range": (0, 1)}, "`images`.*from 0 to 1.*values from 7 to 7"),
        ({"images": np.zeros((3, 8, 8))}, r"`images`.*shape=\(3, 8, 8\)"),
        ({"probs": np.ones((2, 3))}, r"each of 3 images.*probs.shape=\(2, 3\)"),
        ({"filenames": ["a.png"]}, "1 filenames"),
        ({"classes": np.array([0, 1, 3])}, "`classes`. Expected 0 to 2.*0 to 3"),
        ({"precision": "half"}, "`precision`.*'bfloat16'.*'half'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(stand_in, options, message):
    with pytest.raises(ValueError, match=message):
        stand_in(["first"], **options)


def test_missing_innvestigate_is_told_with_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="not installed.*pip install.*innvestigate=="):
        innvestigate.check_installed()
