"""Small data and small models, made once a test session."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import hypothesis
import numpy as np
import pytest

from data_gen.config import PolygonConfig
from data_gen.generate import generate

hypothesis.settings.register_profile("here", deadline=None)  # machines differ
hypothesis.settings.load_profile("here")

TINY = PolygonConfig(
    num_images=24,
    num_positive=14,
    image_size=32,
    max_shapes=3,
    min_radius=4,
    max_radius=8,
    seed=3,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def polygons(tmp_path_factory):
    """A folder of 24 tiny polygon images in VOC layout."""
    folder = tmp_path_factory.mktemp("data") / "polygons"
    generate(TINY, folder, workers=1, progress=False)
    return folder


@pytest.fixture(scope="module")
def splits(polygons):
    """Training and validation part of `polygons`."""
    from keras_xai.datasets.voc import read_voc

    return read_voc(polygons, "train"), read_voc(polygons, "val")


@pytest.fixture
def float32():
    """Keras' default dtype policy, whatever another test has set."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    yield
    keras.config.set_dtype_policy(policy)
