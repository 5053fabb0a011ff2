"""What a joint training is made of, as data."""

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any, Literal

from keras_xai.errors import InputError

Part = Literal["classifier", "explainer"]
PARTS = ({"classifier"}, {"explainer"}, {"classifier", "explainer"})  # of a stage
MASK_LOSSES = ("total_variation", "outside_boxes", "supervised")  # beside the L1


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of training: which part learns, from what, for how long.

    A stage that trains the classifier alone sees a white mask. [IbPRIA19] Sec. 2.1.
    """

    name: str
    trains: tuple[Part, ...]
    epochs: int = 50  # Sec. 2.3
    steps_per_epoch: int = 50  # Sec. 2.3
    batch_size: int = 8  # Sec. 2.3
    optimizer: Literal["adadelta", "adam"] = "adadelta"  # Sec. 2.1: Keras' Adadelta,
    learning_rate: float = 1.0  # whose default was 1.0 in 2019
    schedule: Literal["constant", "cosine"] = "constant"  # of the learning rate
    l1: float = 0.0  # price of the mask, in the unit of `l1_reduction`
    l1_start: float = 0.0  # price that a ramp starts from
    l1_ramp_epochs: int = 0  # epochs until the price is `l1`
    # Weights of further losses on the mask, each a mean over pixels.
    total_variation: float = 0.0
    outside_boxes: float = 0.0
    supervised: float = 0.0
    warm_start: bool = False  # begin with the classifier's features in the explainer

    def __post_init__(self) -> None:
        """Raises an InputError if a number is out of range or nothing is trained."""
        if not re.fullmatch(r"\w[\w-]*", self.name):  # which becomes a file's
            raise InputError(
                "Invalid value for `name` of a stage. Expected letters, digits, _ and "
                f"-. Received: {self.name!r}"
            )
        if set(self.trains) not in PARTS or len(self.trains) != len(set(self.trains)):
            raise InputError(
                f"Invalid value for `trains` in stage '{self.name}'. Expected "
                f"classifier, explainer, or both. Received: {', '.join(self.trains)}"
            )
        for names, least in (
            (("epochs", "steps_per_epoch", "batch_size"), 1),
            (
                ("learning_rate", "l1", "l1_start", "l1_ramp_epochs", *MASK_LOSSES),
                0,
            ),
        ):
            for name in names:
                value = getattr(self, name)
                if not least <= value < math.inf:
                    raise InputError(
                        f"Invalid value for `{name}` in stage '{self.name}'. Expected "
                        f"at least {least}. Received: {name}={value}"
                    )

    @property
    def white_mask(self) -> bool:
        """Whether the explainer is left out of this stage."""
        return self.trains == ("classifier",)

    @property
    def mask_losses(self) -> dict[str, float]:
        """Weights of the further losses on the mask that are in use."""
        weights = {name: getattr(self, name) for name in MASK_LOSSES}
        return {name: weight for name, weight in weights.items() if weight}

    def l1_at(self, epoch: int) -> float:
        """Returns the price of the mask in an epoch, counted from 0.

        A ramp from 0 goes by equal steps, any other by equal factors.
        """
        if not self.l1_ramp_epochs:
            return self.l1
        progress = min(1, (epoch + 1) / self.l1_ramp_epochs)
        if not self.l1_start:
            return progress * self.l1
        return self.l1_start * (self.l1 / self.l1_start) ** progress


@dataclasses.dataclass(frozen=True)
class JointConfig:
    """Every choice behind a joint model; the defaults are the paper's."""

    stages: tuple[Stage, ...] = (
        Stage("classifier", ("classifier",)),
        Stage("explainer", ("explainer",)),
        Stage("joint", ("explainer", "classifier")),
    )
    # "sum" over pixels and batch, as the paper's Keras did; "mean" over both, which
    # has the same price for a white mask at any size.
    l1_reduction: Literal["sum", "mean"] = "sum"
    # What the L1 is taken of: the explanation (Sec. 2.3), or the head's convolution
    # before its normalisation, where the authors' code had it.
    l1_of: Literal["mask", "mask_conv"] = "mask"
    augmentation: bool = False  # flips and quarter turns, drawn anew for each image
    scale: float = 1 / 255  # images in [0, 255] to the network's input
    offset: float = 0.0
    kernel_initializer: str = "glorot_uniform"
    mask_kernel_initializer: str = "glorot_uniform"
    explainer_filters: tuple[int, ...] = (32, 64, 128)
    init_bias: float = 0.0
    init_gain: float = 1.0
    batch_norm_momentum: float | None = 0.99  # None: no batch normalisation
    mask_activation: Literal["relu_tanh", "sigmoid"] = "relu_tanh"
    upsampling: Literal["transpose", "bilinear"] = "transpose"
    classifier_filters: tuple[int, ...] = (32, 64, 128, 256)  # Sec. 2.1
    mask_pooling: Literal["max", "average"] = "max"
    dense_units: tuple[int, ...] = (128, 128)
    dense_activation: str = "sigmoid"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        """Raises an InputError if there is no stage, or two have one name."""
        names = [stage.name for stage in self.stages]
        if not names:
            raise InputError("Invalid value for `stages`. Expected at least one.")
        for name in names:
            if names.count(name) > 1:
                raise InputError(
                    "Invalid value for `stages`. Expected a name of its own for each. "
                    f"Received: {', '.join(names)}"
                )

    def l1_weight(self, stage: Stage, epoch: int, num_pixels: int) -> float:
        """Returns an epoch's weight of `keras_xai.losses.l1`, a mean over the batch.

        Args:
            stage: one of the stages.
            epoch: in the stage, counted from 0.
            num_pixels: of a mask.
        """
        if self.l1_reduction == "sum":
            return stage.l1_at(epoch) * stage.batch_size
        return stage.l1_at(epoch) / num_pixels


def with_l1(config: JointConfig, l1: float) -> JointConfig:
    """Sets one price of the mask, without a start, where the explainer is trained."""
    return _map_mask(config, lambda stage: {"l1": l1, "l1_start": 0.0})


def scale_l1(config: JointConfig, factor: float) -> JointConfig:
    """Multiplies the price of the mask in every stage."""
    return _map_mask(
        config,
        lambda stage: {"l1": factor * stage.l1, "l1_start": factor * stage.l1_start},
    )


def for_own_classifier(config: JointConfig) -> JointConfig:
    """Fits a config to a classifier from `insert_mask`.

    Such a classifier takes images in [0, 1], shares no features with the explainer, and
    may tell a 6 from a 9: images are neither flipped nor turned.
    """
    stages = tuple(
        dataclasses.replace(stage, warm_start=False) for stage in config.stages
    )
    return dataclasses.replace(
        config, stages=stages, scale=1 / 255, offset=0.0, augmentation=False
    )


def with_mask_losses(config: JointConfig, **weights: float) -> JointConfig:
    """Sets weights of `MASK_LOSSES` in every stage that trains the explainer."""
    return _map_mask(config, lambda stage: weights)


def _map_mask(
    config: JointConfig, weights: Callable[[Stage], dict[str, Any]]
) -> JointConfig:
    stages = tuple(
        stage if stage.white_mask else dataclasses.replace(stage, **weights(stage))
        for stage in config.stages
    )
    return dataclasses.replace(config, stages=stages)


def config_to_dict(config: JointConfig) -> dict[str, Any]:
    """Turns a config into what `json.dump` can write."""
    return dataclasses.asdict(config)


def changes_from_default(config: JointConfig) -> dict[str, Any]:
    """Turns a config into the values that are not the defaults.

    What identifies a training, then, stays the same when options are added whose
    default is what was done before. `config_from_dict` reads it back.
    """
    values = _changes(config)
    if "stages" in values:
        values["stages"] = [_changes(stage) for stage in config.stages]
    return values


def _changes(values: Any) -> dict[str, Any]:
    return {
        field.name: value
        for field in dataclasses.fields(values)
        if (value := getattr(values, field.name)) != field.default
    }


def config_from_dict(values: dict[str, Any]) -> JointConfig:
    """Restores a config from `config_to_dict`'s values after a trip through JSON.

    Raises:
        InputError: if a key is unknown.
    """
    values = dict(values)
    if "stages" in values:
        values["stages"] = [_from_dict(Stage, stage) for stage in values["stages"]]
    return _from_dict(JointConfig, values)


def _from_dict(kind: type, values: dict[str, Any]) -> Any:
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise InputError(
            f"Unknown option `{unknown[0]}` in {kind.__name__}. "
            f"Expected one of: {', '.join(sorted(known))}."
        )
    return kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    )
