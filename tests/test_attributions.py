"""`explain` with iNNvestigate's methods: a user's classifier, or a run's."""

import csv
import importlib.util

import keras
import matplotlib
import numpy as np
import pytest
from PIL import Image

from keras_xai import attributions
from keras_xai.analyzers.innvestigate import Failure
from keras_xai.attributions import colour_heatmap, overlay_heatmap
from keras_xai.cli import main
from keras_xai.datasets.images import read_image
from keras_xai.training.config import JointConfig, config_to_dict
from keras_xai.training.joint import build_from_config
from keras_xai.training.runs import open_run, write_log

NAMES = ["a.png", "b.jpg", "c.png"]
SIZE = 12


def build_classifier(*, activation="softmax", size=SIZE):
    """A small classifier of three classes."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation=activation, name="out"),
    ]
    return keras.Sequential([keras.Input((size, size, 3)), *layers])


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder of photos of three sizes, beside some models."""
    keras.config.set_dtype_policy("float32")
    room = tmp_path_factory.mktemp("attributions")
    (room / "photos").mkdir()
    rng = np.random.default_rng(0)
    for i, name in enumerate(NAMES):
        pixels = rng.integers(0, 256, (SIZE + 5 * i, SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(room / "photos" / name)
    build_classifier().save(room / "model.keras")
    build_classifier(activation=None).save(room / "logits.keras")
    build_classifier(size=None).save(room / "any_size.keras")
    unknown = keras.layers.UnitNormalization(name="unknown")
    keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            unknown,
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    ).save(room / "unknown.keras")
    return room


@pytest.fixture
def stand_in(monkeypatch):
    """Stands in for iNNvestigate: heatmaps are the red channel; lrp.z fails."""

    def analyze(network, images, probs, methods, *, filenames, out_dir, **options):
        asked.update(options, network=network, images=images, probs=probs)
        results = {}
        for name in methods:
            results[name] = out_dir / f"{name}.npz"
            if name == "lrp.z":
                results[name] = Failure("It took longer than 1 s.")
                continue
            heatmap = images[..., 0].astype(np.float32)
            np.savez(results[name], heatmap=heatmap, filename=np.array(filenames))
        return results

    asked = {}
    monkeypatch.setattr(attributions, "analyze", analyze)
    monkeypatch.setattr(
        "keras_xai.analyzers.innvestigate.check_installed", lambda: None
    )
    return asked


def explain(room, model, out, *options):
    command = ["explain", room / model, room / "photos", out, *options, "--quiet"]
    return main([str(argument) for argument in command])


def fails(capsys, *arguments):
    """Explains in vain; returns the one sentence."""
    capsys.readouterr()
    assert explain(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def read_rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_images_of_class_folders_keep_their_folder(room, stand_in, tmp_path):
    for name, source in (("cat/1.png", "a.png"), ("dog/1.png", "c.png")):
        (tmp_path / "photos" / name).parent.mkdir(parents=True)
        (tmp_path / "photos" / name).write_bytes(
            (room / "photos" / source).read_bytes()
        )
    out = tmp_path / "out"
    command = ["explain", room / "model.keras", tmp_path / "photos", out, "--quiet"]
    assert main([*map(str, command), "--method", "gradient"]) == 0
    rows = read_rows(out / "predictions.csv")
    assert [row["filename"] for row in rows] == ["cat/1.png", "dog/1.png"]
    for kind in ("heatmaps", "overlays"):
        cat, dog = (
            read_image(out / "gradient" / kind / f"{name}/1.png.png", 3)
            for name in ("cat", "dog")
        )
        assert (cat != dog).any()


def test_output_is_whole(room, stand_in, tmp_path):
    out = tmp_path / "out"
    names = ["cat", "dog", "no pet"]
    methods = ["--method", "gradient", "lrp.z", "deep_taylor", "gradient"]
    assert explain(room, "model.keras", out, *methods, "--class-names", *names) == 0
    assert {path.name for path in out.iterdir()} == {
        "predictions.csv",
        "failures.csv",
        "decisions.json",
        "examples.npz",
        "report.html",
        "heatmaps.png",
        "gradient",
        "deep_taylor",
    }
    for method in ("gradient", "deep_taylor"):
        with np.load(out / method / f"{method}.npz") as arrays:
            assert arrays["heatmap"].shape == (3, SIZE, SIZE)
            assert list(arrays["filename"]) == NAMES
        for kind in ("heatmaps", "overlays"):
            found = sorted(path.name for path in (out / method / kind).iterdir())
            assert found == [f"{name}.png" for name in NAMES]
    assert main(["report", str(out), str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert page == (out / "report.html").read_text()
    for text in (*names[:2], "model.keras", "gradient on c.png", "longer than 1 s."):
        assert text in page
    [failure] = read_rows(out / "failures.csv")
    assert failure == {"method": "lrp.z", "reason": "It took longer than 1 s."}
    photo = read_image(room / "photos" / "c.png", 3, (SIZE, SIZE))
    drawn = read_image(out / "gradient" / "heatmaps" / "c.png.png", 3)
    np.testing.assert_array_equal(drawn, colour_heatmap(photo[..., 0].astype(float)))
    for row in read_rows(out / "predictions.csv"):
        probs = {name: float(row[name]) for name in names}
        assert row["label"] == max(probs, key=probs.get)
        assert sum(probs.values()) == pytest.approx(1, abs=1e-5)


def test_model_gets_its_input_range_and_softmax(room, stand_in, tmp_path):
    out = tmp_path / "out"
    options = ["--method", "gradient", "--input-range", "-1", "1", "--logits"]
    assert explain(room, "logits.keras", out, *options) == 0
    photos = [read_image(room / "photos" / name, 3, (SIZE, SIZE)) for name in NAMES]
    scaled = np.stack(photos) / np.float32(127.5) - 1
    logits = keras.models.load_model(room / "logits.keras").predict(scaled, verbose=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(stand_in["probs"], expected, atol=1e-5)
    network = stand_in["network"]
    seen = stand_in["images"] * network.scale + network.offset
    np.testing.assert_allclose(seen, scaled, atol=1e-5)
    for row, probs in zip(read_rows(out / "predictions.csv"), expected, strict=True):
        assert row["label"] == f"class {probs.argmax()}"


def test_run_keeps_its_masks_beside_its_classifiers_heatmaps(
    room, stand_in, tmp_path, capsys
):
    run, out = tmp_path / "run", tmp_path / "out"
    config = JointConfig(
        explainer_filters=(4, 8), classifier_filters=(4, 8), dense_units=(8,)
    )
    open_run(run, {"config": config_to_dict(config), "class_names": ["no", "yes"]})
    joint = build_from_config(config, (16, 16, 3), 2)
    joint.save_weights(run / f"{config.stages[0].name}.weights.h5")
    joint.save(run / "model.keras")
    write_log(run, [{"stage": config.stages[0].name, "epoch": 1}])
    assert explain(tmp_path, "run", out, "--method", "gradient") == 2  # no photos
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
    command = ["explain", str(run), str(room / "photos"), str(out), "--quiet"]
    assert main([*command, "--method", "gradient", "--classifier", "joint"]) == 0
    with np.load(out / "masks.npz") as arrays:
        assert arrays["mask"].shape == (3, 16, 16)
    assert len(read_rows(out / "predictions.csv")) == 3
    assert list(read_rows(out / "classifier" / "predictions.csv")[0])[2:] == [
        "no",
        "yes",
    ]
    assert (out / "classifier" / "gradient" / "gradient.npz").exists()
    page = (out / "report.html").read_text()
    for text in ("What the masks show", "What the decisions rest on"):
        assert text in page
    capsys.readouterr()
    assert main([*command, "--logits"]) == 2
    assert "`logits`. It is for a .keras file" in capsys.readouterr().err


def test_bad_input_is_one_sentence_and_leaves_nothing(
    room, stand_in, tmp_path, capsys, monkeypatch
):
    def refuse(model, *options):
        return fails(capsys, room, model, tmp_path / "out", *options)

    method = ["--method", "gradient"]
    assert "expected --method" in refuse("model.keras")
    assert "does not exist" in refuse("missing.keras", *method)
    unknown = refuse("model.keras", "--method", "grad")
    assert "'grad'" in unknown and "lrp.epsilon" in unknown
    assert "'unknown' is a UnitNormalization" in refuse("unknown.keras", *method)
    assert "--logits" in refuse("logits.keras", *method)
    names = refuse("model.keras", *method, "--class-names", "a", "b")
    assert "Expected 3 different names" in names and "Received: 2: a, b" in names
    same = refuse("model.keras", *method, "--input-range", "1", "1")
    assert "input_range=1 1" in same
    assert "run of `train`" in refuse("model.keras", *method, "--classifier=joint")
    assert "num_samples=0" in refuse("model.keras", *method, "--num-samples=0")
    assert "b.jpg has 12×17" in refuse("any_size.keras", *method)
    every = refuse("model.keras", "--method", "lrp.z")
    assert "every method failed. lrp.z: It took longer than 1 s." in every
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "innvestigate is not installed" in refuse("model.keras", *method)
    assert list(tmp_path.iterdir()) == []


def test_colours_are_divided_by_the_largest_absolute_value():
    seismic = matplotlib.colormaps["seismic"]
    heatmap = np.array([[-4.0, 0.0, 2.0]])
    expected = [seismic(x, bytes=True)[:3] for x in (0.0, 0.5, 0.75)]
    np.testing.assert_array_equal(colour_heatmap(heatmap)[0], expected)
    nothing = colour_heatmap(np.zeros((1, 3)))
    np.testing.assert_array_equal(nothing[0], [expected[1]] * 3)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_overlay_is_grey_without_and_coloured_with_relevance(num_channels):
    image = np.full((1, 3, num_channels), 100, np.uint8)
    overlay = overlay_heatmap(image, np.array([[0.0, -3.0, 1.5]]))[0]
    seismic = matplotlib.colormaps["seismic"]
    np.testing.assert_array_equal(overlay[0], [100, 100, 100])
    np.testing.assert_array_equal(overlay[1], seismic(0.0, bytes=True)[:3])
    half = (100 + np.array(seismic(0.75, bytes=True)[:3], float)) / 2
    np.testing.assert_allclose(overlay[2], half, atol=0.5)


@pytest.mark.skipif(
    importlib.util.find_spec("innvestigate") is None,
    reason="iNNvestigate is not installed: `make setup-innvestigate`",
)
def test_input_times_gradient_of_a_linear_model_adds_up_to_its_logit(tmp_path):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(3, activation="softmax", use_bias=False)
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), dense])
    model.save(tmp_path / "model.keras")
    (tmp_path / "photos").mkdir()
    pixels = np.arange(0, 160, 10, dtype=np.uint8).reshape(4, 4)
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.png")
    method = ["--method", "input_t_gradient"]
    assert explain(tmp_path, "model.keras", tmp_path / "out", *method) == 0
    kernel = dense.kernel.numpy()
    x = pixels.reshape(-1) / np.float32(255)
    label = (x @ kernel).argmax()
    expected = x * (kernel[:, label] - kernel.mean(axis=1))
    with np.load(tmp_path / "out/input_t_gradient/input_t_gradient.npz") as arrays:
        heatmap = arrays["heatmap"]
    assert heatmap.dtype == np.float32
    np.testing.assert_allclose(heatmap[0].reshape(-1), expected, atol=1e-5)
