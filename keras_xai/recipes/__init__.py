"""Named recipes: one file each, whose docstring tells what to expect of it."""

from keras_xai.recipes import joint, joint_2019, joint_photographs

PROFILES = ("smoke", "quick", "paper")
RECIPES = {
    "joint": joint.get_config,
    "joint-photographs": joint_photographs.get_config,
    "joint-2019": joint_2019.get_config,
}
