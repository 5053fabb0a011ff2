"""Every choice behind a comparison, as data."""

import dataclasses
from typing import Literal, get_args

from keras_xai.analyzers.innvestigate import ProductPrecision
from keras_xai.analyzers.methods import METHODS
from keras_xai.errors import InputError
from keras_xai.evaluation.fills import Fill

Choice = Literal["alone", "joint"]
MAY_BE_0 = ("tolerance", "target_margin", "leak_steps", "seed")


@dataclasses.dataclass(frozen=True)
class Options:
    """Every choice behind a comparison.

    A number of images that is None is as many as have a fixed number of pixels, see
    `keras_xai.comparison.cases`.
    """

    classifier: Choice = "alone"  # see `open_joint_run`
    methods: tuple[str, ...] = tuple(METHODS)  # iNNvestigate's; may be none
    num_images: int | None = None
    num_samples: int = 16  # of SmoothGrad and integrated gradients
    precision: ProductPrecision = "float32"  # of the analyzers, see `analyze`
    tolerance: int = 15  # of the tolerant pointing game, in pixels
    target_margin: int | None = None  # pixels a target is grown by; None: 3, 0: exact
    faithfulness_images: int | None = None
    patch_size: int = 8  # in pixels
    fill: Fill | None = None  # None: the level nearest to the images' background
    num_steps: int = 16  # of each curve
    faithfulness_grid: bool = False  # patch sizes and fills of Rio-Torto et al. 2020
    sanity_images: int | None = None
    leak_steps: int = 60  # of the leak predictor's training; 0 leaves it out
    target: str | None = None  # the class to find, instead of the manifest's
    input_range: tuple[float, float] = (0.0, 1.0)  # of a user's model
    from_logits: bool = False  # whether a user's model wants a softmax
    class_names: tuple[str, ...] | None = None  # of its outputs; None: the data's
    seed: int = 0
    batch_size: int = 16  # images in memory at a time
    seconds_per_method: float = 600  # for an analyzer's heatmaps

    def __post_init__(self) -> None:
        """Checks what has a range.

        Raises:
            InputError: if a number is too small, or the precision unknown.
        """
        if self.precision not in get_args(ProductPrecision):
            raise InputError(
                "Invalid value for `precision`. Expected 'float32' or 'bfloat16'. "
                f"Received: precision={self.precision!r}"
            )
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in MAY_BE_0 else 1
            if isinstance(value, int | float) and value is not False and value < least:
                raise InputError(
                    f"Invalid value for `{field.name}`. Expected at least {least}. "
                    f"Received: {field.name}={value}"
                )
