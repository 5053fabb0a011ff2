"""The data sets of [IbPRIA19], by name.

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
    min_radius=7,
    max_radius=19,
    overlap=True,
    occlusion=False,
    line_width=1,
)

RECIPES = {
    "paper": _PAPER,
    "paper-colour": replace(_PAPER, target_colour=(0, 255, 0)),  # Fig. 3, row 1
    "paper-triangle": _PAPER,  # Fig. 3, row 2
    "paper-star": replace(_PAPER, target="star5", max_radius=13),  # Fig. 3, row 3
}
