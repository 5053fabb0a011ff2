"""The first paper's experiment on real images and ours beside it, as cells of a sweep.

Cue-conflict images are the paper's (Sec. 2.4, Fig. 8); raccoons are ours: photographs
whose boxes tell what the mask should cover.
"""

from pathlib import Path
from typing import Any

from keras_xai.recipes import joint_2019, joint_photographs
from keras_xai.reproduction.real_cue_conflict import measure_cue_conflict
from keras_xai.reproduction.real_pretraining import pretraining_config
from keras_xai.reproduction.real_raccoon import measure_raccoon
from keras_xai.sweeps import Cell
from keras_xai.training.config import (
    JointConfig,
    changes_from_default,
    with_l1,
    with_mask_losses,
)

SEEDS = (0, 1, 2)
IMAGE_SIZE = {"smoke": 32, "quick": 64, "paper": 112}
PRETRAINING = {"smoke": (1, 1), "quick": (8, 50), "paper": (30, 100)}  # epochs, steps
NUM_PRETRAINING_IMAGES = {"smoke": 64, "quick": None, "paper": None}
WINDOWS_PER_BOX = 4

# Silhouettes fill .44 of an image of one of 16 classes: with this price a mask of the
# target costs the same part of the cross-entropy of guessing as on polygons.
CUE_CONFLICT_PRICE = 0.22


def cells(profile: str) -> list[Cell]:
    """Lists every measurement of a profile, the most telling first.

    A cell is one training of all three stages.

    Args:
        profile: one of `keras_xai.recipes.PROFILES`.

    Returns:
        Cells named `cue-conflict_recipe_split_seed` and `raccoon_recipe_seed`.
    """
    paper = with_l1(joint_2019.get_config(profile), 0.0)  # "without any regularisation"
    cue_conflict = joint_photographs.get_config(profile, price=CUE_CONFLICT_PRICE)
    raccoon = joint_photographs.get_config(profile)
    # In the ratio to the price of Rio-Torto et al. 2020: gamma 1, beta .9.
    boxes = with_mask_losses(raccoon, outside_boxes=raccoon.stages[-1].l1 / 0.9)
    pretraining = {
        "config": changes_from_default(
            pretraining_config(raccoon, *PRETRAINING[profile])
        ),
        "num_images": NUM_PRETRAINING_IMAGES[profile],
        "image_size": IMAGE_SIZE[profile],
        "precision": "mixed_bfloat16",
    }
    listed = []
    for seed in SEEDS:
        listed += [
            _cue_conflict("joint-2019", paper, profile, seed),
            _cue_conflict("joint", cue_conflict, profile, seed),
            _raccoon("joint", raccoon, profile, seed),
            _raccoon("joint-boxes", boxes, profile, seed),
            _cue_conflict(
                "joint-pretrained",
                cue_conflict,
                profile,
                seed,
                pretraining=pretraining,
            ),
        ]
        if seed == 0:
            listed += [
                _cue_conflict("joint-2019", paper, profile, seed, split_by="image"),
                _cue_conflict("joint", cue_conflict, profile, seed, split_by="image"),
            ]
    return listed


def measure(cell: Cell, work_dir: Path, results_dir: Path) -> dict[str, Any]:
    """Trains and measures one cell; stages that cells have in common are shared.

    Args:
        cell: one of `cells`.
        work_dir: holds data/, the data sets; receives runs/.
        results_dir: for the examples.

    Returns:
        See `measure_cue_conflict` and `measure_raccoon`.
    """
    if cell.name.startswith("raccoon"):
        return measure_raccoon(cell, work_dir, results_dir)
    return measure_cue_conflict(cell, work_dir, results_dir)


def _cue_conflict(
    recipe: str,
    config: JointConfig,
    profile: str,
    seed: int,
    *,
    split_by: str = "content",
    pretraining: dict[str, Any] | None = None,
) -> Cell:
    return Cell(
        f"cue-conflict_{recipe}_{split_by}_seed{seed}",
        {
            "profile": profile,
            "config": changes_from_default(config),
            "image_size": IMAGE_SIZE[profile],
            "split_by": split_by,
            "pretraining": pretraining,
            "seed": seed,
            "precision": "mixed_bfloat16",
        },
    )


def _raccoon(recipe: str, config: JointConfig, profile: str, seed: int) -> Cell:
    return Cell(
        f"raccoon_{recipe}_seed{seed}",
        {
            "profile": profile,
            "config": changes_from_default(config),
            "image_size": IMAGE_SIZE[profile],
            "windows_per_box": WINDOWS_PER_BOX,
            "seed": seed,
            "precision": "mixed_bfloat16",
        },
    )
