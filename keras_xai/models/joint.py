"""The joint model: one image in; its decision and its explanation out."""

from collections.abc import Collection
from typing import Literal

import keras

from keras_xai.models.explainer import build_explainer
from keras_xai.models.masking import insert_mask, remove_mask


def build_joint(
    explainer: keras.Model,
    classifier: keras.Model,
    *,
    scale: float = 1 / 255,
    offset: float = 0.0,
) -> keras.Model:
    """Joins an explainer and a classifier into one graph.

    The graph takes images as they are stored, in [0, 255], and computes
    `scale * image + offset` itself, so that a saved model can be used without knowing
    how it was trained.

    Args:
        explainer: a model from `build_explainer`.
        classifier: a model from `build_classifier` for the same image shape.
        scale: factor on the stored image. 1/255 is the paper's; -1/255 with an offset
            of 1 turns the polarity round, so that a white background becomes 0.
        offset: added after scaling.

    Returns:
        A model from `image`, `(batch, height, width, channels)` in [0, 255], to a dict
        of `mask`, `(batch, height, width, 1)` float32 in [0, 1], and `probs`,
        `(batch, num_classes)` float32.

    Reference:
        [IbPRIA19] Sec. 2.1, Fig. 1.
    """
    image = keras.Input(explainer.input_shape[1:], name="image")
    x = keras.layers.Rescaling(scale, offset, name="rescaling")(image)
    mask = explainer(x)
    probs = classifier({"image": x, "mask": mask})
    return keras.Model(image, {"mask": mask, "probs": probs}, name="joint")


def make_joint(
    classifier: keras.Model,
    at: Collection[str],
    *,
    mask_pooling: Literal["max", "average"] = "max",
    scale: float = 1 / 255,
    offset: float = 0.0,
) -> keras.Model:
    """Builds a joint model around any classifier, with the paper's explainer.

    Args:
        classifier: see `insert_mask`; the joint model shares its layers.
        at: names of its layers whose outputs are multiplied by the mask.
        mask_pooling: see `insert_mask`.
        scale: factor on the stored image, after which the classifier and the explainer
            take it.
        offset: added after scaling.

    Returns:
        A model as from `build_joint`. To train it from the command line, see
        `keras-xai train --model --at`.

    Raises:
        ValueError: as `insert_mask` and `build_explainer` do.
    """
    masked = insert_mask(classifier, at, mask_pooling=mask_pooling)
    explainer = build_explainer(classifier.input_shape[1:])
    return build_joint(explainer, masked, scale=scale, offset=offset)


def build_white_mask_model(joint: keras.Model) -> keras.Model:
    """Builds the joint model's classifier on stored images under a white mask.

    Args:
        joint: a model from `build_joint`.

    Returns:
        A model from `image`, in [0, 255], to a dict of `probs`; it shares the
        classifier's weights.

    Reference:
        [IbPRIA19] Sec. 2.1: the first stage takes a "white image" as explanation.
    """
    image = keras.Input(joint.input_shape[1:], name="image")
    x = joint.get_layer("rescaling")(image)
    probs = remove_mask(joint.get_layer("classifier"))(x)
    return keras.Model(image, {"probs": probs}, name="white_mask")


def build_mask_conv_model(joint: keras.Model) -> keras.Model:
    """Builds the joint model with one more output: its mask before the normalisation.

    Args:
        joint: a model from `build_joint`.

    Returns:
        A model like `joint`, sharing its weights, whose dict holds `mask_conv` too,
        `(batch, height, width, 1)` float32, the head's convolution.
    """
    explainer = joint.get_layer("explainer")
    outputs = {
        "mask": explainer.output,
        "mask_conv": explainer.get_layer("mask_conv").output,
    }
    image = keras.Input(joint.input_shape[1:], name="image")
    x = joint.get_layer("rescaling")(image)
    masks = keras.Model(explainer.input, outputs, name="masks")(x)
    probs = joint.get_layer("classifier")({"image": x, "mask": masks["mask"]})
    return keras.Model(image, masks | {"probs": probs}, name="joint_mask_conv")
