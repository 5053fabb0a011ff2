"""A training of the joint model that takes seconds."""

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
