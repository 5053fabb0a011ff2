"""What stands where a part of an image was taken away."""

from typing import Literal, get_args

import cv2
import numpy as np

Fill = Literal["black", "white", "grey", "blur", "uniform"]
LEVELS = {"black": 0.0, "white": 1.0, "grey": 0.5}
BLUR_SIZE, BLUR_SIGMA = 11, 5.0  # in pixels, as in RISE's insertion


def fill_image(image: np.ndarray, fill: Fill, rng: np.random.Generator) -> np.ndarray:
    """Returns an image that holds nothing, or little, of the given one.

    Args:
        image: `(height, width, channels)` float in [0, 1].
        fill: black, white and grey are constant; blur is the image under a Gaussian;
            uniform is noise, drawn for each pixel and channel.
        rng: used by uniform alone.

    Returns:
        The image's shape and dtype, in [0, 1].

    Raises:
        ValueError: if the fill is not one of the five.

    Reference:
        Petsiuk et al., RISE, 2018, for the blur.
    """
    if fill in LEVELS:
        return np.full_like(image, LEVELS[fill])
    if fill == "blur":
        blurred = cv2.GaussianBlur(image, (BLUR_SIZE, BLUR_SIZE), BLUR_SIGMA)
        return blurred.reshape(image.shape)
    if fill == "uniform":
        return rng.random(image.shape).astype(image.dtype)
    raise ValueError(
        f"Invalid value for `fill`. Expected one of {get_args(Fill)}. "
        f"Received: fill={fill!r}"
    )
