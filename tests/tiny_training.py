"""A training of the joint model that takes seconds."""

import numpy as np
import pytest

from keras_xai.training.config import JointConfig, Stage
from keras_xai.training.joint import train_joint

SHORT = {"epochs": 2, "steps_per_epoch": 3, "batch_size": 4}
TINY = JointConfig(
    stages=(
        Stage("classifier", ("classifier",), **SHORT),
        Stage("explainer", ("explainer",), **SHORT, l1=1e-4),
        Stage("joint", ("explainer", "classifier"), **SHORT, l1=1e-4),
    ),
    scale=-1 / 255,
    offset=1.0,
    explainer_filters=(4, 8),
    classifier_filters=(4, 8),
    dense_units=(8, 8),
)


def train(splits, run_dir, **options):
    options = {"seed": 1, "precision": "float32"} | options
    config = options.pop("config", TINY)
    return train_joint(config, *splits, run_dir, **options)


class KilledError(Exception):
    pass


def kill_after(num_rows):
    rows = []

    def report(row):
        rows.append(row)
        if len(rows) == num_rows:
            raise KilledError

    return report


def assert_goes_on_alike(splits, tmp_path, num_epochs, unbroken, options=dict):
    """Kills a run after some epochs, goes on, and compares it with an unbroken one."""
    run_dir = tmp_path / "run"
    with pytest.raises(KilledError):
        train(splits, run_dir, report=kill_after(num_epochs), **options())
    model = train(splits, run_dir, **options())
    expected_dir, expected_weights = unbroken
    assert (run_dir / "log.csv").read_text() == (expected_dir / "log.csv").read_text()
    for weight, expected in zip(model.get_weights(), expected_weights, strict=True):
        np.testing.assert_array_equal(weight, expected)
