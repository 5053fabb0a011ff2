"""What a mask costs in training, by hand."""

import dataclasses

import keras
import numpy as np
import pytest
from tiny_training import TINY, train

from keras_xai.datasets.batches import (
    draw_batches,
)
from keras_xai.errors import InputError
from keras_xai.training import runs
from keras_xai.training.config import (
    with_mask_losses,
)
from keras_xai.training.joint import build_from_config

pytestmark = pytest.mark.usefixtures("float32")


def test_mask_loss_is_a_sum_or_a_mean(splits, tmp_path):
    """With one batch an epoch the logged mask loss is lambda * sum |z| by hand."""
    stage = dataclasses.replace(
        TINY.stages[1], epochs=1, steps_per_epoch=1, learning_rate=0.0, l1=1e-3
    )
    losses = {}
    for reduction in ("sum", "mean"):
        config = dataclasses.replace(TINY, stages=(stage,), l1_reduction=reduction)
        train(splits, tmp_path / reduction, config=config)
        losses[reduction] = runs.read_log(tmp_path / reduction)[0]["mask_loss"]
    assert losses["sum"] == pytest.approx(4 * 32 * 32 * losses["mean"])
    keras.utils.set_random_seed(1)
    model = build_from_config(TINY, splits[0].image_shape, 2)
    indices = draw_batches(splits[0].num_images, 4, 1, seed=(1, 0, 0))[0]
    mask = np.array(model(splits[0].images[indices], training=True)["mask"])
    assert losses["sum"] == pytest.approx(1e-3 * mask.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("start", "shares"), [(0.0, [0.5, 1, 1, 1]), (4e-4, [2, 1, 1, 1])]
)
def test_l1_price_follows_its_ramp(splits, tmp_path, start, shares):
    stage = dataclasses.replace(
        TINY.stages[1],
        epochs=4,
        learning_rate=0.0,
        l1=1e-4,
        l1_start=start,
        l1_ramp_epochs=2,
    )
    config = dataclasses.replace(TINY, stages=(stage,), init_bias=3.0)
    config = dataclasses.replace(
        config, batch_norm_momentum=None, mask_kernel_initializer="zeros"
    )
    train(splits, tmp_path / "run", config=config)
    costs = [row["mask_loss"] for row in runs.read_log(tmp_path / "run")]
    np.testing.assert_allclose(np.array(costs) / costs[-1], shares, rtol=0.02)


def test_further_losses_on_the_mask_are_weighted_and_logged(splits, tmp_path):
    weights = {"total_variation": 0.5, "outside_boxes": 2.0, "supervised": 0.25}
    stage = dataclasses.replace(
        TINY.stages[2], epochs=1, steps_per_epoch=1, learning_rate=0.0, l1=1e-4
    )
    config = dataclasses.replace(TINY, stages=(stage,))
    train(splits, tmp_path / "run", config=with_mask_losses(config, **weights))
    row = runs.read_log(tmp_path / "run")[0]
    train(splits, tmp_path / "l1", config=config)
    l1 = runs.read_log(tmp_path / "l1")[0]["mask_loss"]
    expected = l1 + sum(weight * row[name] for name, weight in weights.items())
    assert row["mask_loss"] == pytest.approx(expected, rel=1e-4)
    assert min(row[name] for name in weights) > 0


def test_l1_of_the_convolution_before_its_normalisation(splits, tmp_path):
    stage = dataclasses.replace(
        TINY.stages[1], epochs=1, steps_per_epoch=1, learning_rate=0.0, l1=1e-3
    )
    config = dataclasses.replace(TINY, stages=(stage,), l1_of="mask_conv")
    model = train(splits, tmp_path / "run", config=config)
    indices = draw_batches(splits[0].num_images, 4, 1, seed=(1, 0, 0))[0]
    explainer = model.get_layer("explainer")
    linear = keras.Model(explainer.input, explainer.get_layer("mask_conv").output)
    images = model.get_layer("rescaling")(splits[0].images[indices].astype(np.float32))
    expected = 1e-3 * np.abs(linear(images)).sum()
    row = runs.read_log(tmp_path / "run")[0]
    assert row["mask_loss"] == pytest.approx(expected, rel=1e-4)


def test_a_loss_on_annotations_needs_them(splits, tmp_path):
    bare = [split._replace(object_maps=None, target_boxes=None) for split in splits]
    for name in ("outside_boxes", "supervised"):
        with pytest.raises(InputError, match=f"`{name}` in stage 'explainer' needs"):
            train(bare, tmp_path / name, config=with_mask_losses(TINY, **{name: 1.0}))
        assert not (tmp_path / name).exists()


def test_loss_that_is_not_finite_stops_the_run(splits, tmp_path):
    config = dataclasses.replace(
        TINY,
        stages=(
            TINY.stages[0],
            dataclasses.replace(TINY.stages[2], learning_rate=1e38),
        ),
    )
    with pytest.raises(InputError, match="loss became .* stage 'joint'"):
        train(splits, tmp_path / "run", config=config)
    assert runs.load_progress(tmp_path / "run")["stage"] == "classifier"


def test_weights_that_are_not_finite_are_not_saved(splits, tmp_path, monkeypatch):
    """The loss of a step is that of the weights before it."""
    monkeypatch.setattr(
        "keras_xai.training.joint.evaluate", lambda *_: {"val_cross_entropy": np.nan}
    )
    with pytest.raises(InputError, match="validation loss became nan .* stage 'class"):
        train(splits, tmp_path / "run")
    assert runs.load_progress(tmp_path / "run") is None
    assert not (tmp_path / "run/model.keras").exists()
