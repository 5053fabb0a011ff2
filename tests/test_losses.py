import keras
import numpy as np

from keras_xai import losses


def test_l1_is_the_slow_sum(rng):
    mask = rng.random((3, 4, 5, 1))
    slow = [
        sum(abs(mask[i, y, x, 0]) for y in range(4) for x in range(5)) for i in range(3)
    ]
    np.testing.assert_allclose(losses.l1(None, mask), slow, rtol=1e-6)


def test_l1_weighs_a_white_mask_as_the_2019_keras_did():
    """L1 of 1e-6 at 224x224 and batch 8 cost 0.401 in Keras 2.2.4."""
    from keras_xai.training.config import JointConfig, with_l1

    config = with_l1(JointConfig(), 1e-6)
    stage = config.stages[1]
    white = np.ones((8, 224, 224, 1), np.float32)
    cost = config.l1_weight(stage, 0, 224**2) * keras.ops.mean(losses.l1(None, white))
    np.testing.assert_allclose(cost, 0.401408, rtol=1e-5)


def test_a_mean_price_is_the_same_at_any_size():
    from keras_xai.training.config import JointConfig, Stage

    config = JointConfig(l1_reduction="mean")
    stage = Stage("explainer", ("explainer",), l1=5.0)
    for size in (16, 40):
        white = np.ones((3, size, size, 1), np.float32)
        cost = config.l1_weight(stage, 0, size**2) * losses.l1(None, white)
        np.testing.assert_allclose(cost, [5.0] * 3, rtol=1e-5)
