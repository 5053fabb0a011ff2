"""Our recipe for the joint model."""

from keras_xai.training.config import JointConfig, Stage

EPOCHS = {"smoke": (1, 1, 1), "quick": (12, 8, 8), "paper": (20, 16, 14)}
STEPS_PER_EPOCH = {"smoke": 2, "quick": 50, "paper": 50}


def get_config(profile: str = "paper") -> JointConfig:
    """Returns the config of a profile."""
    steps = STEPS_PER_EPOCH[profile]
    classifier, explainer, joint = EPOCHS[profile]
    return JointConfig(
        stages=(
            Stage("classifier", ("classifier",), classifier, steps),
            Stage(
                "explainer",
                ("explainer",),
                explainer,
                steps,
                optimizer="adam",
                learning_rate=1e-3,
                schedule="cosine",
                l1=5e-5,
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
                l1=1e-4,
            ),
        ),
        l1_reduction="mean",
        scale=-1 / 255,
        offset=1.0,
        kernel_initializer="he_normal",
        init_bias=0.0,
        batch_norm_momentum=0.8,
        upsampling="bilinear",
        dense_activation="relu",
    )
