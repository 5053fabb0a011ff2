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


def test_total_variation_is_the_slow_sum(rng):
    mask = rng.random((3, 4, 5, 1))
    slow = np.zeros(3)
    for i in range(3):
        for y in range(4):
            for x in range(5):
                if y < 3:
                    slow[i] += abs(mask[i, y + 1, x, 0] - mask[i, y, x, 0])
                if x < 4:
                    slow[i] += abs(mask[i, y, x + 1, 0] - mask[i, y, x, 0])
    np.testing.assert_allclose(losses.total_variation(None, mask), slow / 20, rtol=1e-6)


def test_total_variation_of_a_square_is_its_perimeter():
    mask = np.zeros((1, 10, 10, 1), np.float32)
    mask[:, 2:5, 3:7] = 1
    np.testing.assert_allclose(losses.total_variation(None, mask), [2 * (3 + 4) / 100])
    assert losses.total_variation(None, np.ones((1, 10, 10, 1), np.float32))[0] == 0


def test_outside_boxes_is_the_mean_where_no_box_is(rng):
    mask = rng.random((3, 4, 5, 1)).astype(np.float32)
    target = np.zeros((3, 4, 5, 2), np.uint8)
    target[..., 0] = 1  # regions do not count
    target[0, 1:3, 2:4, 1] = 1
    target[2, ..., 1] = 1
    outside = target[0, ..., 1] == 0
    expected = [mask[0, ..., 0][outside].mean(), mask[1].mean(), 0.0]
    np.testing.assert_allclose(losses.outside_boxes(target, mask), expected, rtol=1e-5)


def test_supervised_is_the_cross_entropy_with_the_regions(rng):
    mask = rng.uniform(0.1, 0.9, (3, 4, 5, 1)).astype(np.float32)
    target = rng.integers(0, 2, (3, 4, 5, 2), dtype=np.uint8)
    inside = target[..., :1] == 1
    expected = -np.log(np.where(inside, mask, 1 - mask)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.supervised(target, mask), expected, rtol=1e-5)
