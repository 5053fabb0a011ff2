"""Models in `.keras` files, of Keras' layers and of the user's own."""

import random  # noqa: F401  # known before a file of that name is run
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from test_cli import fails

from keras_xai.cli import main
from keras_xai.errors import InputError
from keras_xai.models.image_classifier import build_image_classifier
from keras_xai.saved_models import load_model, register_custom_objects

pytestmark = pytest.mark.usefixtures("float32")

OWN_CODE = """
import keras


def twice_relu(x):
    return 2 * keras.ops.relu(x)


@keras.saving.register_keras_serializable(package="pets")
class Scale(keras.layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Bias(keras.layers.Layer):
    def build(self, shape):
        self.bias = self.add_weight(shape=shape[-1:], initializer="ones")

    def call(self, x):
        return x + self.bias
"""


@pytest.fixture
def own(tmp_path):
    """A file of code, and a model that needs it; as a new process, none is known."""
    (tmp_path / "pets_layers.py").write_text(OWN_CODE)
    code = {"__name__": "pets_layers"}
    exec(OWN_CODE, code)
    image = keras.Input((16, 16, 3))
    x = code["Scale"](0.5, name="half")(image)
    x = keras.layers.Conv2D(4, 3, padding="same", activation=code["twice_relu"])(x)
    x = keras.layers.MaxPooling2D(name="pool")(code["Bias"](name="bias")(x))
    x = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(x))
    model = keras.Model(image, x)
    model.save(tmp_path / "model.keras")
    keras.saving.get_custom_objects().clear()
    yield model
    keras.saving.get_custom_objects().clear()


@pytest.fixture
def photos(tmp_path, rng):
    for name, level in (("bright", 150), ("dark", 0)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(level, level + 100, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def test_sequential_models_are_taken_fresh_and_loaded(tmp_path, rng):
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model.save(tmp_path / "model.keras")
    images = rng.random((3, 8, 8, 1)).astype(np.float32)
    expected = keras.ops.softmax(model(images))
    for own in (model, load_model(tmp_path / "model.keras")):
        classifier = build_image_classifier(own, (8, 8, 1), from_logits=True)
        np.testing.assert_allclose(classifier(images), expected, rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_probabilities_are_in_float32_whatever_the_policy(policy, rng):
    keras.config.set_dtype_policy(policy)
    image = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(image)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(flat))
    classifier = build_image_classifier(model, (8, 8, 1))
    assert classifier.output.dtype == "float32"


def test_a_layer_that_is_not_built_in_is_named(tmp_path):
    class Double(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    image = keras.Input((8, 8, 3))
    keras.Model(image, Double()(image)).save(tmp_path / "custom.keras")
    with pytest.raises(InputError, match="Could not locate class 'Double'") as caught:
        load_model(tmp_path / "custom.keras")
    assert "built-in layers" in str(caught.value) and "{" not in str(caught.value)


def test_own_layers_and_functions_are_found_in_their_file(own, tmp_path, rng):
    with pytest.raises(InputError, match="those of --custom-objects"):
        load_model(tmp_path / "model.keras")
    register_custom_objects(tmp_path / "pets_layers.py")
    images = rng.random((3, 16, 16, 3)).astype(np.float32)
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), own(images))


def test_a_layer_among_own_layers_is_decoded(own, tmp_path, photos):
    code = f"--custom-objects={tmp_path / 'pets_layers.py'}"
    model, out = tmp_path / "model.keras", tmp_path / "decoded"
    words = [model, "--layer=pool", f"--data={photos}", out, "--epochs=1", code]
    assert main(["decode", *map(str, words), "--quiet"]) == 0
    assert code.replace("=", " ") in (out / "report.html").read_text()
    keras.saving.get_custom_objects().clear()  # and other images, in a new process
    words = [model, photos, tmp_path / "known", "--method=cladec", f"--decoded={out}"]
    assert main(["explain", *map(str, words), code, "--quiet"]) == 0
    assert (tmp_path / "known" / "cladec").is_dir()


def test_own_layers_are_trained_jointly_explained_and_compared(own, tmp_path, photos):
    code = f"--custom-objects={tmp_path / 'pets_layers.py'}"
    model, run = tmp_path / "model.keras", tmp_path / "run"
    words = [photos, run, f"--model={model}", "--at=bias", "--profile=smoke", code]
    assert main(["train", *map(str, words), "--quiet"]) == 0
    for verb, *options in (("explain",), ("compare", "--methods=none")):
        keras.saving.get_custom_objects().clear()
        words = [verb, run, photos, tmp_path / verb, *options]
        assert main([*map(str, words), code, "--quiet"]) == 0


def test_own_code_may_lie_in_several_files(own, tmp_path):
    """With a dataclass, which looks its module up, and imports from beside the file."""
    (tmp_path / "pets_gates.py").write_text((tmp_path / "pets_layers.py").read_text())
    main_file = tmp_path / "random.py"  # hides no module of that name
    main_file.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from pets_gates import Bias, Scale, twice_relu\n"
        "@dataclass\nclass Options:\n    rate: float = 0.1\n"
    )
    path = list(sys.path)
    register_custom_objects(main_file)
    load_model(tmp_path / "model.keras")
    assert sys.path == path and "shuffle" in dir(sys.modules["random"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "is no Python file"),
        ("import no_such_package", "ModuleNotFoundError: No module named"),
        ("class Broken(", "SyntaxError"),
    ],
)
def test_code_that_does_not_run_is_refused(text, reason, own, photos, tmp_path, capsys):
    code = tmp_path / "broken.py"
    if text is not None:
        code.write_text(text)
    words = ["decode", tmp_path / "model.keras", "--layer=pool", f"--data={photos}"]
    message = fails(capsys, *words, tmp_path / "out", f"--custom-objects={code}")
    assert reason in message and str(code) in message
    assert not (tmp_path / "out").exists()
