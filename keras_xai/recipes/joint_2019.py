"""The first paper's joint model as it is written.

White background, image / 255, sigmoid dense layers, Adadelta(1.0), three stages of
50 epochs of 50 batches of 8, L1 of 1e-6 summed over pixels and batch.

    keras-xai generate polygons --recipe paper
    keras-xai train polygons run --recipe joint-2019

Expect the majority rate through all three stages: on a bright, nearly constant input
the classifier does not leave its plateau (docs/decisions.md).

Reference: [IbPRIA19] Sec. 2.3.
"""

import dataclasses

from keras_xai.training.config import JointConfig, with_l1

EPOCHS = {"smoke": 1, "quick": 10, "paper": 50}
STEPS_PER_EPOCH = {"smoke": 2, "quick": 25, "paper": 50}


def get_config(profile: str = "paper") -> JointConfig:
    """Returns the config of a profile."""
    config = with_l1(JointConfig(), 1e-6)
    stages = tuple(
        dataclasses.replace(
            stage, epochs=EPOCHS[profile], steps_per_epoch=STEPS_PER_EPOCH[profile]
        )
        for stage in config.stages
    )
    return dataclasses.replace(config, stages=stages)
