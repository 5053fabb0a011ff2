"""`keras-xai decode`, end to end and refused."""

import csv
import json
import shutil
from argparse import ArgumentTypeError

import keras
import numpy as np
import pytest
from PIL import Image
from test_cli import fails
from test_datasets_classification import write_idx_set

from keras_xai import decoding
from keras_xai.cli import main
from keras_xai.cli.decode import _parse_constant, _parse_units
from keras_xai.datasets.hashing import hash_arrays
from keras_xai.errors import InputError
from keras_xai.evaluation.reconstruction import squared_error
from keras_xai.models.classifier import build_classifier
from keras_xai.report.report import write_report

QUICK = ["--epochs=1", "--batch-size=8", "--precision=float32", "--quiet"]
pytestmark = pytest.mark.usefixtures("float32")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Twelve images of two classes, 8x8 RGB: dark ones and bright ones."""
    folder = tmp_path_factory.mktemp("decode") / "images"
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for name, level in (("bright", 150), ("dark", 0)):
            (folder / part / name).mkdir(parents=True)
            for i in range(6):
                pixels = rng.integers(level, level + 100, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{name}{i}.png")
    return folder


def build_bright_or_dark(num_classes=2, head="softmax"):
    """Knows bright from dark: two classes by the mean of the image."""
    keras.config.set_dtype_policy("float32")
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(image)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    mean = keras.layers.GlobalAveragePooling2D(name="mean")(image)
    flat = keras.layers.Flatten(name="flat")(x)
    both = keras.layers.Concatenate(name="both")([mean, 0 * flat])
    out = keras.layers.Dense(num_classes, activation=head, name="head")
    model = keras.Model(image, out(both))
    kernel = np.zeros((67, num_classes), np.float32)
    kernel[:3, 0], kernel[:3, 1] = 10, -10
    bias = np.zeros(num_classes, np.float32)
    bias[:2] = [-15, 15]
    out.set_weights([kernel, bias])
    return model


@pytest.fixture(scope="module")
def model_path(images):
    path = images.parent / "model.keras"
    build_bright_or_dark().save(path)
    return path


def decode(model, images, out, *options, layer="pool"):
    arguments = [str(model), f"--layer={layer}", f"--data={images}", str(out)]
    return ["decode", *arguments, *QUICK, *map(str, options)]


def read(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        metrics = {
            (row["method"], row["metric"]): float(row["mean"])
            for row in csv.DictReader(file)
        }
    with np.load(folder / "reconstructions.npz") as arrays:
        return metrics, dict(arrays)


def assert_kept(folder, arrays, *methods):
    """Asserts that the kept autoencoders give the same reconstructions."""
    images = arrays["image"] / np.float32(255)
    for method in methods:
        autoencoder = keras.models.load_model(folder / f"{method}.keras")
        again = autoencoder.predict(images, verbose=0)
        np.testing.assert_allclose(again, arrays[method], atol=1e-5)


def test_decode_writes_what_the_layer_knows(model_path, images, tmp_path, capsys):
    out = tmp_path / "out"
    other = tmp_path / "other.keras"
    build_bright_or_dark().save(other)
    options = ["--alpha=0.5", "--units=0,2-3", "--other", other]
    assert main(decode(model_path, images, out, *options)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    assert {p.name for p in out.iterdir()} == {
        "images.csv",
        "metrics.csv",
        "reconstructions.npz",
        "report.html",
        "settings.json",
        "ref_ae.keras",
        "cladec.keras",
        "other.keras",
    }
    metrics, arrays = read(out)
    assert {method for method, _ in metrics} == {
        "original",
        "ref_ae",
        "cladec",
        "other",
    }
    assert metrics["original", "accuracy"] == 1
    for method in ("ref_ae", "cladec", "other"):
        reconstruction = arrays[method]
        assert reconstruction.shape == (12, 8, 8, 3)
        assert reconstruction.dtype == np.float32
        assert reconstruction.min() >= 0 and reconstruction.max() <= 1
        error = squared_error(arrays["image"] / 255, reconstruction).mean()
        assert metrics[method, "squared_error"] == pytest.approx(error, rel=1e-4)
    assert_kept(out, arrays, "ref_ae", "cladec", "other")
    for one, another in (("ref_ae", "cladec"), ("other", "cladec")):
        assert np.abs(arrays[one] - arrays[another]).max() > 1e-3
    for method, classifier in (("cladec", model_path), ("other", other)):
        kernel = keras.models.load_model(classifier).get_layer("conv").get_weights()[0]
        kept = keras.models.load_model(out / f"{method}.keras").get_weights()
        assert any(np.array_equal(weight, kernel) for weight in kept)
    assert arrays["filename"][0] == "bright0.png"
    assert (
        arrays["label"].tolist() == arrays["prediction"].tolist() == [0] * 6 + [1] * 6
    )
    settings = json.loads((out / "settings.json").read_text())
    assert settings["units"] == [0, 2, 3] and settings["config"]["alpha"] == 0.5

    page = (out / "report.html").read_text()
    for text in ("RefAE", "ClaDec", "original", "seen as bright", "alpha = 0.5"):
        assert text in page
    assert page.count('<article class="example') == 8  # correct ones, none wrong
    assert page.count("of bright0.png") == 4
    assert "Misclassified" not in page
    for outside in ("http://", "https://", "src=/"):
        assert outside not in page
    (out / "images.csv").unlink()
    with pytest.raises(InputError, match="images.csv does not exist"):
        write_report([out], out / "again.html")
    assert not (out / "again.html").exists()


def test_same_seed_same_reconstructions_and_any_seed_same_classifier(
    model_path, images, tmp_path
):
    weights = keras.models.load_model(model_path).get_weights()
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        options = [f"--seed={seed}", "--no-ref-ae"]
        assert main(decode(model_path, images, tmp_path / name, *options)) == 0
        settings = json.loads((tmp_path / name / "settings.json").read_text())
        assert settings["classifier_hash"] == hash_arrays(weights)
        assert not (tmp_path / name / "ref_ae.keras").exists()
    arrays = [read(tmp_path / name)[1] for name in "abc"]
    assert_kept(tmp_path / "c", arrays[2], "cladec")
    a, b, c = (of_run["cladec"] for of_run in arrays)
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_decode_refuses_what_does_not_fit(model_path, images, tmp_path, capsys):
    out = tmp_path / "out"

    def refused(*options, model=model_path, data=images, layer="pool"):
        return fails(capsys, *decode(model, data, out, *options, layer=layer))

    assert "[0, 1]. Received: alpha=1.5" in refused("--alpha=1.5")
    assert "Expected one of: " in refused(layer="fc9") and "conv, pool" in refused(
        layer="fc9"
    )
    assert "some of 0 to 3" in refused("--units=4")
    assert "missing.keras does not exist" in refused(model=tmp_path / "missing.keras")
    (tmp_path / "broken.keras").write_text("no model")
    assert "broken.keras cannot be loaded" in refused(model=tmp_path / "broken.keras")
    assert "missing does not exist" in refused(data=tmp_path / "missing")
    rng = np.random.default_rng(0)
    grey = write_idx_set(tmp_path / "grey", rng)
    message = refused(data=grey)
    assert "Expected (8, 8, 3)" in message and "image_shape=(8, 8, 1)" in message
    large = tmp_path / "large"
    for name in ("a", "b", "c"):
        (large / name).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (9, 9)).save(large / name / f"{i}.png")
    assert "(9, 9); expected (8, 8), as" in refused(data=large)
    assert "3 classes, a, b, c; expected 2" in refused("--resize", data=large)
    build_bright_or_dark(head="linear").save(tmp_path / "logits.keras")
    assert "--logits" in refused(model=tmp_path / "logits.keras")
    vector = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    vector.save(tmp_path / "vector.keras")
    assert "an input that is an image" in refused(model=tmp_path / "vector.keras")
    assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    assert "not empty" in refused()
    assert [p.name for p in out.iterdir()] == ["mine.txt"]


def test_outputs_are_found_by_name(images, tmp_path, capsys):
    model, out = tmp_path / "three.keras", tmp_path / "out"
    build_bright_or_dark(3).save(model)
    message = fails(capsys, *decode(model, images, out))
    assert "2 classes, bright, dark; expected 3, one for each" in message
    # The model's first output is bright images', its second dark ones'.
    for names, accuracy in ((["bright", "dark", "x"], 1), (["dark", "bright", "x"], 0)):
        out = tmp_path / names[0]
        assert main(decode(model, images, out, "--class-names", *names)) == 0
        metrics, _ = read(out)
        assert metrics["original", "accuracy"] == accuracy
        settings = json.loads((out / "settings.json").read_text())
        assert settings["class_names"] == settings["output_names"] == names
        page = (out / "report.html").read_text(encoding="utf-8")
        assert f"--class-names {' '.join(names)}" in page


def test_an_out_that_cannot_be_written_is_refused_before_training(
    model_path, images, tmp_path, capsys, monkeypatch
):
    def train(*_, **__):
        raise AssertionError("hours of training")

    monkeypatch.setattr(decoding, "train_ref_ae", train)
    (tmp_path / "file").write_text("")
    assert "file" in fails(capsys, *decode(model_path, images, tmp_path / "file/out"))


def test_test_images_of_another_size_are_refused_before_training(
    model_path, images, tmp_path, capsys
):
    data = shutil.copytree(images, tmp_path / "images")
    for path in (data / "test").rglob("*.png"):
        Image.open(path).resize((9, 9)).save(path)
    message = fails(capsys, *decode(model_path, data, tmp_path / "out"))
    assert "(9, 9, 3); expected (8, 8, 3), as the training images" in message
    assert not (tmp_path / "out").exists()


def test_layers_that_cannot_be_decoded_are_refused(images, tmp_path, capsys):
    image = keras.Input((8, 8, 3), name="image")
    mask = keras.Input((8, 8, 3), name="mask")
    rows = keras.layers.Reshape((8, 24), name="rows")(image)
    large = keras.layers.UpSampling2D(2, name="large")(image)
    aside = keras.layers.AveragePooling2D(2, name="aside")(mask)
    parts = [keras.layers.Flatten()(part) for part in (rows, large, aside)]
    x = keras.layers.Concatenate()(parts)
    probs = keras.layers.Dense(2, activation="softmax")(x)
    path = tmp_path / "model.keras"
    keras.Model({"image": image, "mask": mask}, probs).save(path)

    def refused(layer, *options):
        command = decode(path, images, tmp_path / "out", *options, layer=layer)
        return fails(capsys, *command)

    assert "one for every input but the image" in refused("rows")
    constant = "--constant=mask=1"
    assert "(height, width, channels)" in refused("rows", constant)
    assert "at most the image's (8, 8)" in refused("large", constant)
    assert "gradient path" in refused("aside", constant)


def test_joint_models_classifier_is_decoded_under_a_white_mask(images, tmp_path):
    path = tmp_path / "two.keras"
    build_classifier((8, 8, 3), 2, filters=(2, 2), dense_units=(3,)).save(path)
    options = ["--constant=mask=1", "--input-range", 0, 255]
    out = tmp_path / "out"
    assert main(decode(path, images, out, *options, layer="fc1")) == 0
    metrics, arrays = read(out)
    assert {method for method, _ in metrics} == {"original", "ref_ae", "cladec"}
    assert_kept(out, arrays, "ref_ae", "cladec")


def test_units_are_numbers_and_ranges():
    assert _parse_units("0,3,8-10") == (0, 3, 8, 9, 10)
    for text in ("5-", "a", "", "-3"):
        with pytest.raises(ArgumentTypeError, match="such as 0,3,8-15"):
            _parse_units(text)


def test_a_constant_is_a_name_and_a_number():
    assert _parse_constant("angle=0.5") == ("angle", 0.5)
    with pytest.raises(ArgumentTypeError, match="such as angle=0; received 'angle'"):
        _parse_constant("angle")
