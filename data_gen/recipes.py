"""The data sets of [IbPRIA19], by name.

`paper` is the main set: 618 of 1000 images hold a triangle among circles. The others
are the three example sets of Fig. 3. The paper does not list their options: they are
those of the main set but for what the figure shows, and the star's radii, which are
from the authors' published settings. Radii stay as many pixels with any `image_size`.

Reference: [IbPRIA19] Sec. 3 and Fig. 3.
"""

from dataclasses import replace

from data_gen.config import PolygonConfig

_PAPER = PolygonConfig(
    num_images=1000,
    num_positive=618,
    image_size=224,
    channels=3,
    target="triangle",
    distractors=("circle",),
    min_shapes=3,
    max_shapes=19,
    min_radius=7.0,
    max_radius=19.0,
    overlap=True,
    occlusion=False,
    line_width=1,
)

RECIPES = {
    "paper": _PAPER,
    "paper-colour": replace(_PAPER, target_colour=(0, 255, 0)),
    "paper-triangle": _PAPER,
    "paper-star": replace(_PAPER, target="star5", max_radius=13.0),
}
