"""Adam in one kernel, against Keras' own."""

import keras
import numpy as np

from keras_xai.training.fused_adam import FusedAdam


def _train(optimizer, weights):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)]
    )
    model.set_weights(weights)
    rng = np.random.default_rng(1)
    model.compile(optimizer, "mse")
    x, y = rng.normal(size=(40, 4)), rng.normal(size=(40, 2))
    model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return model


def test_it_updates_as_keras_does():
    rng = np.random.default_rng(0)
    shapes = (4, 3), (3,), (3, 2), (2,)
    start = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    ours = _train(FusedAdam(0.05), start)
    keras_ = _train(keras.optimizers.Adam(0.05), start)

    assert len(ours.optimizer.variables) == len(keras_.optimizer.variables) == 10
    for x, y in zip(ours.optimizer.variables, keras_.optimizer.variables, strict=True):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-4, atol=1e-6)
    pairs = zip(ours.get_weights(), keras_.get_weights(), start, strict=True)
    for x, y, before in pairs:
        assert np.abs(x - before).max() > 0.1
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)
