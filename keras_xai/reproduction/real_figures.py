"""The examples of the cells on real images as figures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_xai.report.figures import draw_mask_grid
from keras_xai.reproduction.groups import Group
from keras_xai.reproduction.real_cue_conflict import FIGURE_CLASSES
from keras_xai.reproduction.real_measures import label_recipe
from keras_xai.sweeps import read_examples

Groups = Mapping[str, Group]  # setting to its cells
Pictures = tuple[np.ndarray, np.ndarray]  # images and masks


def draw_cue_conflict(groups: Groups, folder: Path) -> None:
    """Draws figures/fig8_RECIPE_SPLIT.png of each setting's seed 0, if it is there.

    A row is a class of Fig. 8, then two other classes; its label tells what the joint
    model takes the images for.
    """
    for name, group in groups.items():
        if result := group.get(0):
            examples = read_examples(result, folder / "cells")
            _, recipe, split_by = name.split("_")
            draw_mask_grid(
                _class_rows(examples),
                folder / "figures" / f"fig8_{recipe}_{split_by}.png",
                title=f"Cue conflict, {label_recipe(recipe)}, split by {split_by}, "
                "seed 0: shape, and what the model answers",
            )


def draw_raccoon(groups: Groups, folder: Path) -> None:
    """Draws figures/raccoon.png: a row a recipe, of the same windows, seed 0.

    Boxes are outlined in yellow.
    """
    rows: dict[str, Pictures] = {}
    for name, group in groups.items():
        if result := group.get(0):
            examples = read_examples(result, folder / "cells")
            images = np.stack(list(map(outline, examples["images"], examples["boxes"])))
            label = "with boxes" if name.endswith("-boxes") else "without"
            rows[label] = images, examples["masks"]
    if rows:
        draw_mask_grid(
            rows,
            folder / "figures" / "raccoon.png",
            title="Windows with a raccoon, and one without: joint-photographs without "
            "and with the loss outside the boxes, seed 0",
        )


def outline(image: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Draws the edge of a region in yellow.

    Args:
        image: `(height, width, 3)` uint8.
        region: `(height, width)` uint8, not 0 inside.
    """
    inside = np.pad(region > 0, 1)
    neighbours = inside[:-2, 1:-1] & inside[2:, 1:-1]
    neighbours &= inside[1:-1, :-2] & inside[1:-1, 2:]
    edge = inside[1:-1, 1:-1] & ~neighbours
    return np.where(edge[..., None], np.array((255, 255, 0), np.uint8), image)


def _class_rows(examples: Mapping[str, np.ndarray]) -> dict[str, Pictures]:
    is_shown = np.isin(examples["labels"], FIGURE_CLASSES)
    order = np.concatenate(
        [
            *(np.flatnonzero(examples["labels"] == name) for name in FIGURE_CLASSES),
            np.flatnonzero(~is_shown),
        ]
    )
    rows = {}
    for pair in np.split(order, range(2, len(order), 2)):
        labels, answers = examples["labels"][pair], examples["decisions"][pair]
        label = ", ".join(dict.fromkeys(labels)) + "\n→ " + ", ".join(answers)
        rows[label] = examples["images"][pair], examples["masks"][pair]
    return rows
