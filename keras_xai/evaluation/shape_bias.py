"""Shape or texture: what a classifier goes by when the two disagree."""

from typing import NamedTuple

import numpy as np


class ShapeBias(NamedTuple):
    """Counts over images whose shape and texture are of different classes.

    Attributes:
        num_conflicts: images counted.
        num_shape: decisions for the class of the shape.
        num_texture: decisions for the class of the texture.
    """

    num_conflicts: int
    num_shape: int
    num_texture: int

    @property
    def shape_bias(self) -> float:
        """Share of shape among the decisions for either, in [0, 1]; NaN without any."""
        decided = self.num_shape + self.num_texture
        return self.num_shape / decided if decided else float("nan")


def shape_bias(
    decisions: np.ndarray, shapes: np.ndarray, textures: np.ndarray
) -> ShapeBias:
    """Counts decisions for shape and for texture.

    Images whose shape and texture are of the same class are no conflict and are left
    out, and so are decisions for a third class.

    Args:
        decisions: `(num_images,)` integers, the predicted classes.
        shapes: `(num_images,)` integers, the classes of the shapes.
        textures: `(num_images,)` integers, the classes of the textures.

    Returns:
        The counts.

    Raises:
        ValueError: if the three differ in length.

    Reference:
        Geirhos et al., "ImageNet-trained CNNs are biased towards texture", ICLR 2019,
        Sec. 2.3.
    """
    if not decisions.shape == shapes.shape == textures.shape:
        raise ValueError(
            "Invalid value for `decisions`. Expected the shape of `shapes` and "
            f"`textures`. Received: {decisions.shape}, {shapes.shape}, {textures.shape}"
        )
    conflict = shapes != textures
    return ShapeBias(
        int(conflict.sum()),
        int((conflict & (decisions == shapes)).sum()),
        int((conflict & (decisions == textures)).sum()),
    )
