"""Our recipe."""

from keras_xai.training.config import JointConfig


def get_config(profile: str = "paper") -> JointConfig:
    return JointConfig()
