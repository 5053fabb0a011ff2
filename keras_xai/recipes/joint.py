"""Our recipe for the joint model: it learns, and its masks lie on the target.

    keras-xai generate polygons --recipe paper
    keras-xai train polygons run --recipe joint

Against the paper's: dark background instead of white (the classifier leaves its
plateau), He initialisation, ReLU in the dense layers, flips and quarter turns; a mask
head without batch normalisation that starts flat and nearly white, an explainer that
starts from the classifier's features, and Adam with a cosine schedule after stage 1.
Why each of them: docs/decisions.md. What to expect of it: results/joint/tables.md.
"""

from keras_xai.training.config import JointConfig, Stage

EPOCHS = {"smoke": (1, 1, 1), "quick": (20, 10, 10), "paper": (30, 16, 14)}
STEPS_PER_EPOCH = {"smoke": 2, "quick": 50, "paper": 50}
L1 = 5.0  # of a white mask, in units of cross-entropy


def get_config(profile: str = "paper") -> JointConfig:
    """Returns the config of a profile."""
    steps = STEPS_PER_EPOCH[profile]
    classifier, explainer, joint = EPOCHS[profile]
    return JointConfig(
        stages=(
            Stage("classifier", ("classifier",), classifier, steps, schedule="cosine"),
            Stage(
                "explainer",
                ("explainer",),
                explainer,
                steps,
                optimizer="adam",
                learning_rate=5e-4,
                schedule="cosine",
                l1=L1,
                l1_ramp_epochs=4,
                warm_start=True,
            ),
            Stage(
                "joint",
                ("explainer", "classifier"),
                joint,
                steps,
                optimizer="adam",
                learning_rate=3e-4,
                schedule="cosine",
                l1=L1,
            ),
        ),
        l1_reduction="mean",
        augmentation=True,
        scale=-1 / 255,
        offset=1.0,
        kernel_initializer="he_normal",
        init_bias=3.0,
        batch_norm_momentum=None,
        mask_activation="sigmoid",
        dense_activation="relu",
    )
