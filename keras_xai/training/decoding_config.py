"""What a training of the second paper is made of, as data."""

import dataclasses

from keras_xai.errors import InputError


@dataclasses.dataclass(frozen=True)
class DecodingConfig:
    """The choices behind classifier, ClaDec, RefAE and evaluation classifiers alike.

    `alpha` is that of Eq. 1: 0 asks for reconstruction alone. Table 2 of the paper
    prints it turned round, as the weight of the reconstruction.
    """

    epochs: int = 64  # Sec. 5: "all models using the Adam optimizer for 64 epochs"
    batch_size: int = 128  # not in the paper; as in the authors' later code
    learning_rate: float = 1e-3  # not in the paper; Adam's own default
    alpha: float = 0.0  # Eq. 1
    decoder_filters: int = 32  # before the last doubling; VGG-5's first width

    def __post_init__(self) -> None:
        """Raises an InputError if a value is out of range."""
        if not 0 <= self.alpha <= 1:
            raise InputError(
                "Invalid value for `alpha`. Expected a number in [0, 1]. "
                f"Received: alpha={self.alpha}"
            )
        for name in ("epochs", "batch_size", "decoder_filters"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"Invalid value for `{name}`. Expected at least 1. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if not self.learning_rate > 0:
            raise InputError(
                "Invalid value for `learning_rate`. Expected a positive number. "
                f"Received: learning_rate={self.learning_rate}"
            )
