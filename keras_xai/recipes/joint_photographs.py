"""Our recipe for photographs: `joint`, which is for thin lines, with other options.

    keras-xai train photos run --recipe joint-photographs --size 112 112 --target NAME

Photographs come with about zero mean and unit variance. Bilinear upsampling, because
transposed convolutions left a grid; a bright start and max pooling of the mask, because
from a dim one with average pooling it went black; and a lower price, because a target
fills more of a photograph than a triangle of its image.
What to expect of it: results/real/tables.md. How it was found: docs/decisions.md.
"""

import dataclasses

from keras_xai.recipes import joint
from keras_xai.training.config import JointConfig, scale_l1

# Of the price for triangles, which fill .024 of an image: with this one a mask of a
# target that fills .68 costs the same part of the cross-entropy of guessing.
PRICE = 0.035


def get_config(profile: str = "paper", *, price: float = PRICE) -> JointConfig:
    """Returns the config of a profile.

    Args:
        profile: one of `keras_xai.recipes.PROFILES`.
        price: of the mask, as a factor of that of `joint`; less if the targets fill
            more of the image, or if there are more classes.
    """
    config = dataclasses.replace(
        joint.get_config(profile),
        scale=4.5 / 255,
        offset=-2.0,
        upsampling="bilinear",
        init_gain=1.0,
        mask_pooling="max",
    )
    return scale_l1(config, price)
