"""`explain --method cladec`: what a decoded layer still knows of new images."""

import importlib.util
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from test_attributions import NAMES, SIZE, build_classifier, explain, fails, read_rows

from keras_xai import attributions
from keras_xai.analyzers.innvestigate import Failure
from keras_xai.cli import main
from keras_xai.datasets.images import read_image
from keras_xai.reconstructions import DecodedLayer, write_reconstructions

pytestmark = pytest.mark.usefixtures("float32")


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A classifier and one of any size, photos, and the layer `conv` decoded."""
    keras.config.set_dtype_policy("float32")
    room = tmp_path_factory.mktemp("reconstructions")
    rng = np.random.default_rng(0)
    names = [f"photos/{name}" for name in NAMES]
    names += [f"data/{label}/{i}.png" for label in "abc" for i in range(5)]
    for name in names:
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (SIZE, SIZE + 1, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(room / name)
    build_classifier().save(room / "model.keras")
    build_classifier(size=None).save(room / "any_size.keras")  # of the same weights
    command = ["decode", room / "model.keras", room / "decoded", "--layer=conv"]
    command += ["--data", room / "data", "--resize", "--epochs=1", "--quiet"]
    assert main([*map(str, command), "--precision=float32"]) == 0
    return room


@pytest.fixture
def photos(room):
    return np.stack(
        [read_image(room / "photos" / name, 3, (SIZE, SIZE)) for name in NAMES]
    )


@pytest.fixture
def without_innvestigate(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "innvestigate" else find_spec(name),
    )


def copy_decoded(room, folder, **changes):
    """Copies the decoded layer with other settings; those that are None go."""
    shutil.copytree(room / "decoded", folder)
    path = folder / "settings.json"
    settings = json.loads(path.read_text()) | changes
    kept = {name: value for name, value in settings.items() if value is not None}
    path.write_text(json.dumps(kept))
    return folder


def test_cladec_is_written_whole_without_innvestigate(
    room, photos, without_innvestigate, tmp_path
):
    out = tmp_path / "out"
    options = ["--method=cladec", "--decoded", room / "decoded", "--batch-size=2"]
    assert explain(room, "model.keras", out, *options) == 0
    assert {path.name for path in out.iterdir()} == {
        "predictions.csv",
        "cladec",
        "ref_ae",
        "reconstructions.png",
        "decisions.json",
        "examples.npz",
        "report.html",
    }
    classifier = keras.models.load_model(room / "model.keras")
    scaled = photos / np.float32(255)
    for method in ("cladec", "ref_ae"):
        folder = out / method
        assert {path.name for path in folder.iterdir()} == {
            f"{method}.npz",
            "reconstructions",
        }
        with np.load(folder / f"{method}.npz") as npz:
            arrays = dict(npz)
        assert list(arrays["filename"]) == NAMES
        autoencoder = keras.models.load_model(room / "decoded" / f"{method}.keras")
        made = arrays["reconstruction"]
        assert made.shape == (3, SIZE, SIZE, 3) and made.dtype == np.float32
        expected = autoencoder.predict(scaled, verbose=0)
        np.testing.assert_allclose(made, expected, atol=1e-5)
        errors = [((a - b) ** 2).sum() for a, b in zip(scaled, made, strict=True)]
        np.testing.assert_allclose(arrays["squared_error"], errors, rtol=1e-5)
        np.testing.assert_allclose(
            arrays["probs"], classifier.predict(made, verbose=0), atol=1e-5
        )
        for name, image in zip(NAMES, made, strict=True):
            png = read_image(folder / "reconstructions" / f"{name}.png", 3)
            np.testing.assert_array_equal(png, np.rint(image * 255))
    probs = classifier.predict(scaled, verbose=0)
    for row, expected in zip(read_rows(out / "predictions.csv"), probs, strict=True):
        assert row["label"] == f"class {expected.argmax()}"
    page = (out / "report.html").read_text()
    for text in ("How model.keras decides", "layer <b>conv</b>", "RefAE of a.png"):
        assert text in page
    assert "heatmap" not in page.split("<main>")[1].split('<section id="made">')[0]


def test_images_of_class_folders_keep_their_folder(room, tmp_path):
    command = ["explain", room / "model.keras", room / "data", tmp_path / "out"]
    command += ["--method=cladec", "--decoded", room / "decoded", "--quiet"]
    assert main([*map(str, command)]) == 0
    rows = read_rows(tmp_path / "out" / "predictions.csv")
    assert rows[5]["filename"] == "b/0.png"
    for method in ("cladec", "ref_ae"):
        folder = tmp_path / "out" / method / "reconstructions"
        assert len(list(folder.glob("[abc]/*.png"))) == 15


def test_cladec_stays_when_every_analyzer_fails(room, monkeypatch, tmp_path):
    reason = Failure("It took longer than 1 s.")
    monkeypatch.setattr(
        attributions, "analyze", lambda *args, **options: {"lrp.z": reason}
    )
    monkeypatch.setattr(
        "keras_xai.analyzers.innvestigate.check_installed", lambda: None
    )
    out = tmp_path / "out"
    options = ["--method", "lrp.z", "cladec", "--decoded", room / "decoded"]
    assert explain(room, "model.keras", out, *options) == 0
    assert (out / "cladec" / "cladec.npz").exists()
    assert not (out / "heatmaps.png").exists()
    [failure] = read_rows(out / "failures.csv")
    assert failure["method"] == "lrp.z"
    assert "longer than 1 s." in (out / "report.html").read_text()


def test_layer_without_ref_ae_is_shown_alone(room, tmp_path):
    decoded = copy_decoded(room, tmp_path / "decoded", methods=["cladec"])
    (decoded / "ref_ae.keras").unlink()
    out = tmp_path / "out"
    options = ["--method=cladec", "--decoded", decoded]
    assert explain(room, "model.keras", out, *options) == 0
    with np.load(out / "cladec" / "cladec.npz") as arrays:
        assert set(arrays) == {"reconstruction", "squared_error", "probs", "filename"}
    assert not (out / "ref_ae").exists()
    assert "RefAE" not in (out / "report.html").read_text()


def test_numbers_and_batches_of_a_decoder_that_turns_images_round(rng, tmp_path):
    class Model:
        """Counts what it is given."""

        output_shape = (None, 2)

        def __init__(self, function):
            self.function, self.sizes = function, []

        def predict_on_batch(self, images):
            self.sizes.append(len(images))
            return self.function(images)

    images = rng.integers(0, 256, (5, 3, 4, 1), dtype=np.uint8)
    images[4] = 0
    negative = Model(lambda x: 1 - x)
    mean = Model(lambda x: np.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1))
    decoded = DecodedLayer({"layer": "fc"}, {"cladec": negative})
    done = []
    judged = write_reconstructions(
        decoded,
        mean,
        images,
        [f"{i}.png" for i in range(5)],
        tmp_path,
        batch_size=2,
        report=done.append,
    )
    assert negative.sizes == mean.sizes == [2, 2, 1] and done == [2, 4, 5]
    errors = ((1 - 2 * (images / 255)) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(judged["cladec"].squared_error, errors, rtol=1e-5)
    assert judged["cladec"].prediction[4] == 0  # black became white
    assert {path.name for path in tmp_path.iterdir()} == {
        "cladec",
        "reconstructions.png",
    }


def test_what_does_not_belong_together_is_one_sentence(
    room, without_innvestigate, tmp_path, capsys
):
    def refuse(*options, model="model.keras", decoded=room / "decoded"):
        given = ["--decoded", decoded] if decoded else []
        message = fails(capsys, room, model, tmp_path / "out", *given, *options)
        assert not (tmp_path / "out").exists()
        return message

    cladec = "--method=cladec"
    alone = refuse(cladec, decoded=None)
    assert "cladec needs --decoded" in alone and "keras-xai decode" in alone
    assert "It is for --method cladec" in refuse("--method=gradient")
    assert "innvestigate is not installed" in refuse("--method", "gradient", "cladec")
    assert "random, cladec." in refuse("--method=ClaDec")
    assert "`num_samples`" in refuse(cladec, "--num-samples=3")
    missing = refuse(cladec, decoded=tmp_path / "missing")
    assert "settings.json does not exist; expected a folder made by" in missing
    assert "`keras-xai decode`" in missing
    other = copy_decoded(room, tmp_path / "other", layer=None)
    assert "settings.json lacks `layer`" in refuse(cladec, decoded=other)
    old = copy_decoded(room, tmp_path / "old")
    (old / "cladec.keras").unlink()
    message = refuse(cladec, decoded=old)
    assert "cladec.keras does not exist" in message and "decode` again" in message
    half = copy_decoded(room, tmp_path / "half")
    (half / "ref_ae.keras").unlink()
    assert "ref_ae.keras does not exist" in refuse(cladec, decoded=half)
    model = build_classifier()
    model.set_weights([weight + np.float32(1e-6) for weight in model.get_weights()])
    model.save(tmp_path / "trained_on.keras")
    message = refuse(cladec, model=tmp_path / "trained_on.keras")
    assert "was decoded from another model" in message and "model.keras" in message
    message = refuse(cladec, "--input-range", 0, 255)
    assert "`input_range`. Expected [0.0, 1.0]" in message
    message = refuse(cladec, model="any_size.keras")
    assert "decoded from images of 12×12 pixels" in message
    assert "Received: 13×12 pixels, 3 channels" in message


def test_run_is_refused_before_it_is_read(room, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    options = ["--method=cladec", "--decoded", room / "decoded"]
    message = fails(capsys, room, tmp_path / "run", tmp_path / "out", *options)
    assert "ClaDec is for a .keras file" in message
