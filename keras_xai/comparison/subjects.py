"""What is compared: a classifier, and the joint model it belongs to if there is one."""

import json
from pathlib import Path
from typing import NamedTuple

import keras

from keras_xai.analyzers.network import build_float32
from keras_xai.comparison.options import Choice
from keras_xai.datasets.split import Split
from keras_xai.decoding import open_classifier
from keras_xai.errors import InputError
from keras_xai.explanations import load_joint
from keras_xai.models.image_classifier import build_image_classifier, find_image_input
from keras_xai.models.joint import build_white_mask_model
from keras_xai.saved_models import load_model
from keras_xai.training.config import JointConfig, Stage, config_from_dict
from keras_xai.training.runs import LogRow, read_log

ImageShape = tuple[int | None, int | None, int]


class Subject(NamedTuple):
    """What is compared.

    Attributes:
        classifier: from `(batch, height, width, channels)` float32 in [0, 1] to
            `(batch, num_classes)` probabilities. The analyzers explain it, and all that
            a measure asks is asked of it.
        unmasked: such a classifier that never met an explainer's mask; None if there
            is none.
        joint: the joint model in float32, on stored images; None if nothing but the
            classifier was trained.
        class_names: one a class, or None if the model does not say.
        log: the rows of the training's log; none without a run folder.
        stages: of the training; likewise.
    """

    classifier: keras.Model
    unmasked: keras.Model | None
    joint: keras.Model | None
    class_names: tuple[str, ...] | None
    log: list[LogRow]
    stages: tuple[Stage, ...]


def open_joint_run(run_dir: Path, choice: Choice) -> Subject:
    """Opens a run of `train`.

    Args:
        run_dir: the folder.
        choice: which classifier is explained, under a white mask. "alone" is the one
            that stage 1 left, before it met an explainer: [IbPRIA19] Sec. 2.3 trains
            "only the classifier" for this comparison. "joint" is the finished model's,
            the one whose decisions the explainer explains.

    Returns:
        The subject.

    Raises:
        InputError: if the folder holds no finished run of the joint model, or the
            classifier asked for is not there.
    """
    joint, class_names = load_joint(run_dir)
    config = _read_config(run_dir)
    first = next((stage.name for stage in config.stages if stage.white_mask), None)
    path = run_dir / f"{first}.weights.h5"
    unmasked = None
    if first is not None and path.exists():
        alone, _ = load_joint(run_dir)
        alone.load_weights(path)
        unmasked = _under_white_mask(alone)
    if choice == "alone" and unmasked is None:
        raise InputError(
            f"{path} does not exist; expected the classifier that stage 1 leaves. "
            "The finished model's classifier is explained with --classifier joint."
        )
    has_explainer = any("explainer" in stage.trains for stage in config.stages)
    return Subject(
        classifier=unmasked if choice == "alone" else _under_white_mask(joint),
        unmasked=unmasked,
        joint=build_float32(joint) if has_explainer else None,
        class_names=class_names,
        log=read_log(run_dir),
        stages=config.stages,
    )


def open_model(
    model: keras.Model,
    split: Split,
    *,
    input_range: tuple[float, float] = (0.0, 1.0),
    from_logits: bool = False,
) -> Subject:
    """Turns a user's classifier into a subject without an explainer.

    Args:
        model: a functional or Sequential classifier of one image.
        split: images that the model should be able to classify.
        input_range: what the model expects for black and white.
        from_logits: whether the model's output wants a softmax.

    Raises:
        InputError: if the images do not fit the model, or its outputs are no
            probabilities.
    """
    classifier = open_classifier(
        model, split, input_range=input_range, from_logits=from_logits
    )
    return Subject(classifier, classifier, None, None, [], ())


def load_user_model(path: Path) -> tuple[keras.Model, ImageShape]:
    """Loads a user's model and what it expects of an image.

    Returns:
        The model, and `(height, width, channels)`; a size may be None, for any.

    Raises:
        InputError: if the file cannot be loaded, or its input is no image.
    """
    model = load_model(path)
    try:
        return model, find_image_input(model, {})[1]
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def _read_config(run_dir: Path) -> JointConfig:
    settings = json.loads((run_dir / "config.json").read_text())
    if "stages" not in settings.get("config", {}):
        raise InputError(
            f"{run_dir} holds no joint model; expected a run of `train` or a .keras "
            "file."
        )
    return config_from_dict(settings["config"])


def _under_white_mask(joint: keras.Model) -> keras.Model:
    return build_image_classifier(
        build_white_mask_model(joint), joint.input_shape[1:], input_range=(0, 255)
    )
