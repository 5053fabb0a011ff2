"""Model outputs of many images."""

import keras
import numpy as np
import pytest

from keras_xai.datasets.gather import gather_batches
from keras_xai.models.predict import predict_images


@pytest.mark.parametrize("num_images", [1, 4, 7])
def test_outputs_are_keras_own(num_images):
    x = keras.Input((5,))
    outputs = {"a": keras.layers.Dense(3)(x), "b": keras.layers.Softmax()(x)}
    model = keras.Model(x, outputs)
    images = np.random.default_rng(0).random((num_images, 5), np.float32)

    found = predict_images(model, images, batch_size=4)

    expected = model.predict(images, verbose=0)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6)


def test_pipelines_are_not_tuned_while_they_run():
    rows = np.zeros((4, 2), np.float32)
    with gather_batches(rows, {"y": rows}, np.array([[0, 1]])) as dataset:
        assert dataset.options().autotune.enabled is False
