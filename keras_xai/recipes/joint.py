"""Our recipe for the joint model: it learns, and its masks lie on the target.

    keras-xai generate polygons --recipe paper
    keras-xai train polygons run --recipe joint

Against the paper's: dark background of unit variance instead of white, He
initialisation, ReLU and no dropout in the dense layers, batches of 32 in stage 1 and 16
after it, Adam with a cosine schedule, flips and quarter turns; an explainer that starts
from the classifier's features, with a mask that is bright where they are strong and
far from saturation; a mask that is resized by average pooling, so that a dot does not
open what lies deep below it; moving statistics in its head that follow faster; and a
price that stage 3 raises slowly to ten times that of stage 2, while the classifier
learns to do without the other shapes.
Why each of them: docs/decisions.md. What to expect of it: results/joint/tables.md.
"""

from keras_xai.training.config import JointConfig, Stage

EPOCHS = {"smoke": (1, 1, 1), "quick": (16, 3, 12), "paper": (30, 4, 20)}
STEPS = {"smoke": (1, 2, 2), "quick": (25, 40, 40), "paper": (25, 40, 40)}
L1 = (1.0, 10.0)  # of a white mask, in units of cross-entropy: stages 2 and 3


def get_config(profile: str = "paper") -> JointConfig:
    """Returns the config of a profile."""
    epochs, steps = EPOCHS[profile], STEPS[profile]
    return JointConfig(
        stages=(
            Stage(
                "classifier",
                ("classifier",),
                epochs[0],
                steps[0],
                batch_size=32,
                optimizer="adam",
                learning_rate=1e-3,
                schedule="cosine",
            ),
            Stage(
                "explainer",
                ("explainer",),
                epochs[1],
                steps[1],
                batch_size=16,
                optimizer="adam",
                learning_rate=5e-4,
                l1=L1[0],
                l1_ramp_epochs=2,
                warm_start=True,
            ),
            Stage(
                "joint",
                ("explainer", "classifier"),
                epochs[2],
                steps[2],
                batch_size=16,
                optimizer="adam",
                learning_rate=5e-4,
                schedule="cosine",
                l1=L1[1],
                l1_start=L1[0],
                l1_ramp_epochs=10 if profile == "paper" else 8,
            ),
        ),
        l1_reduction="mean",
        augmentation=True,
        scale=-5 / 255,  # thin lines on black: about unit variance
        offset=5.0,
        kernel_initializer="he_normal",
        mask_kernel_initializer="ones",
        init_gain=0.25,
        batch_norm_momentum=0.9,
        mask_pooling="average",
        dense_activation="relu",
        dropout=0.0,
    )
