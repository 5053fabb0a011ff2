"""The three stages with a classifier of the user's."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny_training import TINY, assert_goes_on_alike, train

from keras_xai.errors import InputError
from keras_xai.models.joint import make_joint
from keras_xai.models.masking import insert_mask
from keras_xai.training import runs
from keras_xai.training.config import for_own_classifier

pytestmark = pytest.mark.usefixtures("float32")


def own_classifier(trainable=True):
    """A classifier inside a model, with all that a training could disturb."""
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    stem = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="stem")
    stem.trainable = trainable
    x = keras.layers.BatchNormalization(name="norm")(stem(image))
    x = keras.layers.GaussianNoise(0.1)(keras.layers.ReLU(name="relu")(x))
    x = keras.layers.Dropout(0.3)(keras.layers.GlobalMaxPooling2D()(x))
    probs = keras.layers.Dense(2, activation="softmax")(x)
    inner = keras.Model(image, probs, name="inner")
    return keras.Sequential([keras.Input((32, 32, 3)), inner])


def inner_layer(joint, name):
    return joint.get_layer("classifier").get_layer("inner").get_layer(name)


def test_a_frozen_classifier_keeps_its_statistics(splits, tmp_path):
    masked = insert_mask(own_classifier(), ["relu"])
    train(splits, tmp_path / "run", classifier=masked)
    joint = keras.models.load_model(tmp_path / "run/model.keras")
    statistics = {}
    for stage in ("classifier", "explainer", "joint"):
        joint.load_weights(tmp_path / f"run/{stage}.weights.h5")
        norm = inner_layer(joint, "norm")
        statistics[stage] = np.array([norm.moving_mean, norm.moving_variance])
    np.testing.assert_array_equal(statistics["explainer"], statistics["classifier"])
    assert not np.array_equal(statistics["joint"], statistics["explainer"])


def test_layers_that_the_user_froze_stay(splits, tmp_path):
    masked = insert_mask(own_classifier(trainable=False), ["relu"])
    before = masked.get_layer("inner").get_layer("stem").get_weights()
    joint = train(splits, tmp_path / "run", classifier=masked)
    stem = inner_layer(joint, "stem")
    np.testing.assert_array_equal(stem.get_weights()[0], before[0])
    assert not stem.trainable and inner_layer(joint, "norm").trainable
    loaded = keras.models.load_model(tmp_path / "run/model.keras")
    assert not inner_layer(loaded, "stem").trainable


def test_a_run_that_ends_without_the_classifier_can_be_trained_on(splits, tmp_path):
    config = replace(TINY, stages=TINY.stages[:2])
    joint = train(splits, tmp_path / "run", config=config)
    assert joint.get_layer("classifier").trainable_variables
    loaded = keras.models.load_model(tmp_path / "run/model.keras")
    assert loaded.get_layer("classifier").trainable_variables


def test_any_classifier_can_be_trained_jointly(splits, tmp_path):
    masked = insert_mask(own_classifier(), ["relu"])
    before = [np.array(weight) for weight in masked.get_weights()]
    joint = train(splits, tmp_path / "run", classifier=masked)
    after = joint.get_layer("classifier").get_weights()
    assert not np.array_equal(before[0], after[0])
    settings = json.loads((tmp_path / "run/config.json").read_text())
    assert settings["classifier"]["masked"] == ["relu_mask"]
    stages = [row["stage"] for row in runs.read_log(tmp_path / "run")]
    assert stages == ["classifier"] * 2 + ["explainer"] * 2 + ["joint"] * 2
    masked.set_weights([weight + 1 for weight in before])
    with pytest.raises(InputError, match="holds a run with another classifier"):
        train(splits, tmp_path / "run", classifier=masked)


def test_killed_run_of_any_classifier_goes_on_alike(splits, tmp_path):
    """Its dropout and noise, inside another model, are functions of the epoch too."""

    def options():
        return {"classifier": insert_mask(own_classifier(), ["relu"])}

    model = train(splits, tmp_path / "unbroken", **options())
    unbroken = (tmp_path / "unbroken", [np.array(w) for w in model.get_weights()])
    assert_goes_on_alike(splits, tmp_path, 5, unbroken, options)


def test_a_classifier_that_does_not_fit_the_training_is_refused(splits, tmp_path):
    joint = make_joint(own_classifier(), at=["relu"])
    with pytest.raises(InputError, match="Expected a model from `insert_mask`"):
        train(splits, tmp_path / "run", classifier=joint)
    masked = insert_mask(own_classifier(), ["relu"])
    warm = replace(TINY.stages[1], warm_start=True)
    config = replace(TINY, stages=(TINY.stages[0], warm), augmentation=True)
    with pytest.raises(InputError, match="expected a config from `for_own_classifier`"):
        train(splits, tmp_path / "run", classifier=masked, config=config)
    fitted = for_own_classifier(config)
    assert not fitted.augmentation and (fitted.scale, fitted.offset) == (1 / 255, 0)
    train(splits, tmp_path / "run", classifier=masked, config=fitted)


def test_a_classifier_opened_otherwise_is_another(splits, tmp_path):
    opened = {"at": ["relu"], "input_range": [0.0, 1.0], "logits": False}
    train(splits, tmp_path / "run", settings=opened)
    with pytest.raises(InputError, match="holds a run with another input_range"):
        train(splits, tmp_path / "run", settings=opened | {"input_range": [-1.0, 1.0]})
