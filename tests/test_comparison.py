import csv
import importlib.util
import re
import shutil
from contextlib import contextmanager

import keras
import numpy as np
import pytest
from tiny_comparison import (
    ANALYZERS,
    CLASS_NAMES,
    QUICK,
    StandIn,
    compare_with_one_failure,
    innvestigate_is,
    read,
    write_run,
)

from keras_xai.cli import main
from keras_xai.comparison.compare import compare
from keras_xai.comparison.heatmaps import BASELINES
from keras_xai.comparison.measures import VERSION
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


def test_every_method_is_a_row(finished):
    found = read(finished)
    rows = {method["name"]: method for method in found["methods"]}
    assert list(rows) == ["joint", *ANALYZERS, *BASELINES]
    assert [n for n in rows if rows[n]["signed"]] == ["lrp.z", "deep_taylor"]
    assert [n for n in rows if rows[n]["in_paper"]] == ["joint", "gradient", "lrp.z"]
    assert rows["gradient"]["seconds_per_image"] == 0.5
    with (finished / "table.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == list(rows)


def test_method_that_fails_is_a_row_that_says_why(finished):
    found = read(finished)
    [failed] = [method for method in found["methods"] if method["failure"]]
    assert failed["name"] == "lrp.z"
    assert failed["failure"] == "It took longer than 1 s."
    assert failed["seconds_per_image"] is None
    assert found["values"]["lrp.z"] == {}


def test_every_other_method_has_every_metric(finished):
    found = read(finished)
    assert found["left_out"] == []
    groups = {metric["group"] for metric in found["metrics"]}
    assert groups == {"ground truth", "faithfulness", "sanity", "complexity"}
    names = [metric["name"] for metric in found["metrics"]]
    assert len(names) == len(set(names)) == 9 + 9 + 5 + 2 + 3 + 2
    for method, values in found["values"].items():
        assert list(values) == ([] if method == "lrp.z" else names)


def test_values_are_the_means_of_the_images(finished):
    for method, metrics in read(finished)["values"].items():
        for metric, value in metrics.items():
            with np.load(finished / "values" / f"{method}.npz") as arrays:
                numbers = arrays[metric]
            assert value["n"] == len(numbers)
            assert value["mean"] == pytest.approx(numbers.mean(), abs=1e-12)


def test_settings_tell_what_was_compared(finished, run_dir, polygons):
    found = read(finished)
    settings = found["settings"]
    assert settings["run"] == str(run_dir) and settings["data"] == str(polygons)
    assert settings["num_images"] == 6 and settings["image_size"] == [32, 32]
    assert settings["fills"] == ["white"] and settings["sanity_images"] == 2
    assert found["class_names"] == CLASS_NAMES
    assert 0.5 <= found["majority_rate"] < 1
    assert found["accuracy"].keys() == {"joint", "classifier"}


def test_examples_belong_to_the_heatmaps(finished):
    with np.load(finished / "heatmaps" / "joint.npz") as arrays:
        assert arrays["heatmap"].shape == (6, 32, 32)
        assert arrays["heatmap"].dtype == np.float32
        filenames = arrays["filename"]
    with np.load(finished / "examples.npz") as arrays:
        assert arrays["image"].shape == (6, 32, 32, 3)
        np.testing.assert_array_equal(arrays["filename"], filenames[arrays["index"]])
        has_target = arrays["target"].any(axis=(1, 2))
        np.testing.assert_array_equal(has_target, arrays["truth"] == "triangle")
        assert set(arrays["label"]) <= set(CLASS_NAMES)


def test_figures_are_there(finished):
    for name in ("fig6_paper.png", "fig6_fair.png", "curves.png", "fig7.png"):
        assert (finished / name).stat().st_size > 1000


def test_curves_are_kept_beside_their_areas(finished):
    for name in ("joint", "gradient", "baseline.otsu"):
        with np.load(finished / "curves" / f"{name}.npz") as curves:
            areas = {key: np.trapezoid(curves[key], axis=1) / 2 for key in curves}
            assert {values.shape for values in curves.values()} == {(2, 3)}
        deletion = next(key for key in areas if key.startswith("deletion"))
        with np.load(finished / "values" / f"{name}.npz") as values:
            np.testing.assert_allclose(values[deletion], areas[deletion], atol=1e-6)


def test_images_without_a_target_are_compared_too(run_dir, polygons, tmp_path):
    data = shutil.copytree(polygons, tmp_path / "data")
    val = data / "ImageSets" / "Main" / "val.txt"
    is_negative = {
        name: "<count>0<" in (data / "Annotations" / f"{name}.xml").read_text()
        for name in val.read_text().split()
    }
    positive = next(name for name in is_negative if not is_negative[name])
    negatives = [name for name in is_negative if is_negative[name]]
    val.write_text("\n".join([positive, *negatives]) + "\n")
    options = Options(**{**QUICK, "num_images": 1}, methods=())  # of the larger class
    compare(run_dir, data, tmp_path / "out", options)
    with np.load(tmp_path / "out" / "examples.npz") as arrays:
        assert arrays["truth"].tolist() == ["no triangle"]
    groups = {metric["group"] for metric in read(tmp_path / "out")["metrics"]}
    assert groups == {"faithfulness", "sanity", "complexity"}


def test_corrected_annotations_need_another_folder(
    finished, run_dir, polygons, tmp_path
):
    data = shutil.copytree(polygons, tmp_path / "data")
    for path in (data / "Annotations").iterdir():
        text = path.read_text()
        path.write_text(re.sub(r"<xmin>(\d+)", _one_less, text))
    with pytest.raises(InputError, match="another annotations_hash"):
        compare(run_dir, data, finished, Options(**QUICK, methods=()))


def test_another_margin_is_another_comparison(finished, run_dir, polygons):
    assert read(finished)["settings"]["target_margin"] == 3
    options = Options(**QUICK, methods=(), target_margin=0)
    with pytest.raises(InputError, match="another target_margin.*target_margin=3. Rec"):
        compare(run_dir, polygons, finished, options)


def _one_less(match):
    return f"<xmin>{max(1, int(match[1]) - 1)}"


def test_killed_comparison_goes_on_where_it_was(finished, run_dir, polygons, tmp_path):
    """And what other definitions have measured is measured again."""
    out, options = tmp_path / "out", Options(**QUICK, methods=("gradient",))

    @contextmanager
    def killed(description, total):
        if description == "measures: leak":
            raise KeyboardInterrupt
        yield lambda done: None

    with innvestigate_is(StandIn(fails=set())) as stand_in:
        with pytest.raises(KeyboardInterrupt):
            compare(run_dir, polygons, out, options, progress=killed)
        assert not (out / "comparison.json").exists()
        kept = [*out.glob("heatmaps/*"), out / "leak_predictor.keras"]
        times = {path: path.stat().st_mtime_ns for path in kept}
        assert len(times) == 8
        compare(run_dir, polygons, out, options)
        assert {path: path.stat().st_mtime_ns for path in kept} == times
        with np.load(out / "values/gradient.npz") as arrays:
            wrong = {name: 9 + values for name, values in arrays.items()}
        np.savez(out / "values/gradient.npz", **wrong | {"version": VERSION - 1})
        compare(run_dir, polygons, out, options)
    # Once by the trained classifier, once by the random one, and never again.
    assert stand_in.asked == [["gradient"], ["gradient"]]
    assert stand_in.network.scale == pytest.approx(-1 / 51)  # of images as stored
    assert stand_in.network.offset == pytest.approx(5)

    unbroken = read(finished)["values"]
    for method, values in read(out)["values"].items():
        for metric, value in values.items():
            assert value["mean"] == unbroken[method][metric]["mean"]
            assert value["sd"] == unbroken[method][metric]["sd"]


def test_what_fails_for_the_random_classifier_is_told(run_dir, polygons, tmp_path):
    lines = []
    with innvestigate_is(StandIn(fails=(), fails_randomised={"lrp.z"})):
        failures = compare(
            run_dir,
            polygons,
            tmp_path / "out",
            Options(**QUICK, methods=("gradient", "lrp.z")),
            say=lines.append,
        )
    assert list(failures) == ["lrp.z of the random classifier"]
    assert "lrp.z failed for the random classifier: It took longer than 1 s." in lines
    found = read(tmp_path / "out")
    assert "randomised_rank" in found["values"]["gradient"]
    assert "randomised_rank" not in found["values"]["lrp.z"]
    assert "mass_target" in found["values"]["lrp.z"]
    assert any("of lrp.z" in part["metrics"][0] for part in found["left_out"])


def test_other_settings_need_another_folder(finished, run_dir, polygons):
    before = (finished / "comparison.json").read_bytes()
    with pytest.raises(InputError, match="another tolerance"):
        options = Options(**QUICK, methods=(), tolerance=3)
        compare(run_dir, polygons, finished, options)
    assert (finished / "comparison.json").read_bytes() == before


@pytest.fixture
def user_model(float32, tmp_path):
    """A classifier with a layer that iNNvestigate does not know."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.LayerNormalization(name="unknown_one"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_users_classifier_and_images_without_annotations(
    user_model, polygons, tmp_path
):
    data, out = tmp_path / "data", tmp_path / "out"
    for i, path in enumerate(sorted((polygons / "JPEGImages").iterdir())):
        (data / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, data / "ab"[i % 2])
    compare(user_model, data, out, Options(**{**QUICK, "leak_steps": 0}, methods=()))
    found = read(out)
    assert [method["name"] for method in found["methods"]] == list(BASELINES)
    assert found["accuracy"]["joint"] is None
    assert {m["group"] for m in found["metrics"]} == {
        "faithfulness",
        "sanity",
        "complexity",
    }
    masks, annotations, leak = (part["reason"] for part in found["left_out"])
    assert "no object masks" in masks and "no annotations" in annotations
    assert "not asked for" in leak
    assert not (out / "fig7.png").exists()
    with np.load(out / "examples.npz") as arrays:
        assert "target" not in arrays


def test_layer_that_innvestigate_does_not_know_is_named(user_model, polygons, tmp_path):
    with innvestigate_is(StandIn(fails=set())):
        with pytest.raises(InputError, match="unknown_one"):
            options = Options(methods=("gradient",))
            compare(user_model, polygons, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_run_without_the_classifier_alone(run_dir, polygons, tmp_path):
    run = shutil.copytree(run_dir, tmp_path / "run")
    (run / "classifier.weights.h5").unlink()
    with pytest.raises(InputError, match="classifier.weights.h5.*--classifier joint"):
        compare(run, polygons, tmp_path / "out", Options(methods=()))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "least"), [("num_images", 1), ("tolerance", 0), ("batch_size", 1)]
)
def test_numbers_that_are_too_small_are_named(option, least):
    with pytest.raises(InputError, match=f"`{option}`.*at least {least}.*{least - 1}"):
        Options(**{option: least - 1})


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="'float32' or 'bfloat16'.*'half'"):
        Options(precision="half")


@pytest.mark.slow
def test_classifier_of_the_finished_model(run_dir, polygons, finished, tmp_path):
    run = shutil.copytree(run_dir, tmp_path / "run")
    (run / "classifier.weights.h5").unlink()
    out = tmp_path / "out"
    compare(run, polygons, out, Options(**QUICK, methods=(), classifier="joint"))
    joint, alone = read(out), read(finished)
    hashes = {found["settings"]["classifier_hash"] for found in (joint, alone)}
    assert len(hashes) == 2
    for metric in ("mass_target", "gini"):  # the mask is the same
        mean = joint["values"]["joint"][metric]["mean"]
        assert mean == alone["values"]["joint"][metric]["mean"]
    [left_out] = joint["left_out"]
    assert "stage 1" in left_out["reason"] and len(left_out["metrics"]) == 3


@pytest.mark.slow
def test_without_object_masks_boxes_remain(run_dir, polygons, tmp_path):
    data = shutil.copytree(polygons, tmp_path / "data")
    shutil.rmtree(data / "SegmentationObject")
    compare(run_dir, data, tmp_path / "out", Options(**QUICK, methods=()))
    names = read(tmp_path / "out")["values"]["joint"]
    assert "mass_box" in names and "mass_target" not in names


@pytest.mark.slow
def test_grid_has_every_patch_and_fill(run_dir, polygons, tmp_path):
    sizes = {**QUICK, "num_images": 2, "faithfulness_images": 1, "leak_steps": 0}
    options = Options(**sizes, methods=(), faithfulness_grid=True)
    compare(run_dir, polygons, tmp_path / "out", options)
    names = set(read(tmp_path / "out")["values"]["joint"])
    for fill in ("black", "white", "grey", "blur", "uniform"):
        assert {f"deletion_{fill}", f"insertion_{fill}"} <= names
        for patch in (4, 8, 16, 32):
            assert {f"{m}_p{patch}_{fill}" for m in ("aopc", "lerf", "abpc")} <= names


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("innvestigate") is None,
    reason="iNNvestigate is not installed: `make setup-innvestigate`",
)
def test_run_of_train_and_innvestigate_itself(polygons, tmp_path):
    run_dir, out = tmp_path / "run", tmp_path / "out"
    small = ["--set=explainer_filters=[4,8]", "--set=classifier_filters=[4,8]"]
    arguments = [str(polygons), str(run_dir), "--profile=smoke", "--quiet", *small]
    assert main(["train", *arguments, "--set=dense_units=[8]"]) == 0
    methods = ("gradient", "lrp.z", "lrp", "smoothgrad")
    compare(run_dir, polygons, out, Options(**QUICK, methods=methods, num_samples=2))
    found = read(out)
    failures = {m["name"]: m["failure"] for m in found["methods"] if m["failure"]}
    assert failures == {"lrp": "ValueError: Need LRP rule(s)."}
    for name in ("gradient", "lrp.z", "smoothgrad"):
        assert found["values"][name]["randomised_rank"]["mean"] < 0.99
        assert found["values"][name]["mass_target"]["mean"] > 0
    assert found["environment"]["packages"]["innvestigate"] == "2.1.2"
    assert found["values"]["joint"]["randomised_rank"]["mean"] == pytest.approx(1)
