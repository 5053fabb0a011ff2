"""Configs as JSON, and what identifies them."""

import dataclasses
import json

import numpy as np
import pytest
from tiny_training import TINY

from keras_xai.errors import InputError
from keras_xai.training.config import (
    JointConfig,
    Stage,
    changes_from_default,
    config_from_dict,
    config_to_dict,
    scale_l1,
    with_l1,
)


def test_config_survives_json():
    assert config_from_dict(json.loads(json.dumps(config_to_dict(TINY)))) == TINY
    assert with_l1(TINY, 0.5).stages[0] == TINY.stages[0]


def test_config_is_identified_by_its_changes_alone():
    assert changes_from_default(JointConfig()) == {}
    assert changes_from_default(dataclasses.replace(JointConfig(), offset=1.0)) == {
        "offset": 1.0
    }
    changes = json.loads(json.dumps(changes_from_default(TINY)))
    assert config_from_dict(changes) == TINY
    assert changes["stages"][0] == {
        "name": "classifier",
        "trains": ["classifier"],
        "epochs": TINY.stages[0].epochs,
        "steps_per_epoch": TINY.stages[0].steps_per_epoch,
        "batch_size": TINY.stages[0].batch_size,
    }


def test_price_is_scaled_with_its_start():
    stage = dataclasses.replace(TINY.stages[1], l1=1.0, l1_start=8.0, l1_ramp_epochs=3)
    config = dataclasses.replace(TINY, stages=(stage,))
    scaled = scale_l1(config, 0.5).stages[0]
    for epoch in range(6):
        assert scaled.l1_at(epoch) == pytest.approx(stage.l1_at(epoch) / 2)
    prices = [stage.l1_at(epoch) for epoch in range(4)]
    np.testing.assert_allclose(prices, [4.0, 2.0, 1.0, 1.0])


def test_unknown_option_is_named():
    with pytest.raises(InputError, match="Unknown option `lambda` in JointConfig"):
        config_from_dict({"lambda": 1})
    with pytest.raises(InputError, match="Unknown option `epoch` in Stage"):
        config_from_dict({"stages": [{"epoch": 1}]})


def test_stages_of_one_name_are_refused():
    with pytest.raises(InputError, match="`stages`.*name of its own.*joint, joint"):
        JointConfig(stages=(Stage("joint", ("explainer",)),) * 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trains": ()}, "`trains` in stage 'a'"),
        ({"trains": ("decoder",)}, "Received: decoder"),
        ({"trains": ("classifier",) * 2}, "Received: classifier, classifier"),
        ({"name": "../a"}, r"`name` of a stage.*Received: '\.\./a'"),
        ({"name": ""}, "`name` of a stage.*Received: ''"),
        ({"epochs": -1}, "`epochs` in stage 'a'. Expected at least 1"),
        ({"steps_per_epoch": 0}, "steps_per_epoch=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"l1": -1.0}, "`l1` in stage 'a'. Expected at least 0"),
        ({"l1_ramp_epochs": -2}, "l1_ramp_epochs=-2"),
        ({"outside_boxes": -1.0}, "outside_boxes=-1.0"),
    ],
)
def test_a_stage_that_cannot_be_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        Stage(**{"name": "a", "trains": ("classifier",)} | changes)


def test_a_config_without_stages_is_refused():
    with pytest.raises(InputError, match="`stages`. Expected at least one"):
        config_from_dict({"stages": []})
