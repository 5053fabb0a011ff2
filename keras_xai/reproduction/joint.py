"""The experiments of the first paper and ours beside them, as cells of a sweep."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.config import PolygonConfig
from data_gen.generate import generate
from data_gen.recipes import RECIPES as DATA_RECIPES
from keras_xai.datasets.split import Split
from keras_xai.datasets.voc import read_voc
from keras_xai.models.predict import predict_images
from keras_xai.recipes import RECIPES
from keras_xai.report.figures import THRESHOLD
from keras_xai.reproduction.training import (
    Training,
    log_columns,
    rounded,
    train_cell,
)
from keras_xai.sweeps import Cell
from keras_xai.training.config import (
    JointConfig,
    changes_from_default,
    scale_l1,
    with_l1,
    with_mask_losses,
)

PAPER_L1 = (0.0, 1e-8, 1e-6, 1e-4)  # [IbPRIA19] Sec. 2.3
OUR_L1_FACTORS = (0.0, 0.1, 1.0, 10.0)  # of our recipe's own price
NUM_EXAMPLES = 6  # positives whose masks are kept for the figures
BATCH_SIZE = 32  # of predictions

# The small size keeps the shapes' size in pixels and has fewer of them. The paper's
# price of a pixel rises there, so that a white mask costs the same as at full size.
# Ours, which is of a white mask, is the small size's; at full size four times as much
# makes a target's mask cost the same.
SIZES = {
    "paper": {"full": (224, 19), "half": (112, 9)},
    "quick": {"full": (64, 5), "half": (32, 3)},
    "smoke": {"full": (32, 3), "half": (16, 3)},
}
NUM_IMAGES = {"paper": (1000, 618), "quick": (400, 247), "smoke": (24, 14)}
OUR_PRICE = {"full": "x4", "half": "x1"}
MAX_RADIUS = {"paper": 19, "quick": 12, "smoke": 6}


def cells(profile: str) -> list[Cell]:
    """Lists every measurement of a profile, the most telling first.

    A cell is one training of all three stages.

    Args:
        profile: one of `keras_xai.recipes.PROFILES`.

    Returns:
        Cells named `recipe_l1-price_data-size_seed`, the price being the one at full
        size, or a factor on our recipe's own.
    """
    ours, paper = RECIPES["joint"](profile), RECIPES["joint-2019"](profile)
    relu = dataclasses.replace(paper, dense_activation="relu")
    listed: list[Cell] = []

    def add(
        name: str,
        configs: Mapping[str, JointConfig],
        data: str,
        size: str,
        seeds: Iterable[int],
    ) -> None:
        for seed in seeds:
            for label, config in configs.items():
                listed.append(
                    _cell(f"{name}_l1-{label}", config, profile, data, size, seed)
                )

    our_prices = {f"x{factor:g}": scale_l1(ours, factor) for factor in OUR_L1_FACTORS}
    prices = {f"{l1:g}": with_l1(paper, l1) for l1 in PAPER_L1}
    relu_prices = {f"{l1:g}": with_l1(relu, l1) for l1 in PAPER_L1}
    our_price = {"x1": our_prices["x1"]}
    our_full_price = {OUR_PRICE["full"]: scale_l1(ours, 4.0)}
    price, relu_price = ({"1e-06": p["1e-06"]} for p in (prices, relu_prices))
    no_price = {"0": prices["0"]}

    add("joint", our_price, "paper", "half", range(1))
    add("joint-2019", price, "paper", "half", range(1))
    add("joint", our_price | our_full_price, "paper", "full", range(1))
    add("joint", our_price, "paper", "half", range(1, 5))
    add("joint-2019-relu", relu_price, "paper", "half", range(1))
    add("joint", our_prices, "paper", "half", range(3))
    add("joint-2019", prices, "paper", "half", range(1))
    add("joint-2019", no_price, "paper-colour", "half", range(1))
    add("joint-2019", price, "paper", "full", range(1))
    add("joint", our_full_price, "paper", "full", range(1, 3))
    add("joint-2019", prices, "paper", "half", range(1, 3))
    add("joint-2019-relu", relu_prices, "paper", "half", range(3))
    add("joint-2019-relu", relu_price, "paper", "full", range(1))
    add("joint-2019", no_price, "paper-colour", "half", range(1, 3))
    for seed in range(3):
        for name, other in _other_losses(ours).items():
            add(f"joint-{name}", {"x1": other}, "paper", "half", (seed,))
    return list({cell.name: cell for cell in listed}.values())


def measure(cell: Cell, work_dir: Path, results_dir: Path) -> dict[str, Any]:
    """Trains one cell; the data set and the first stage are shared between cells.

    Beside the result it writes the cell's examples, an .npz of uint8 arrays: `images`
    `(n, height, width, 3)` and `masks` `(n, height, width)`, 255 being 1.

    Args:
        cell: one of `cells`.
        work_dir: for data sets and run folders, which are kept.
        results_dir: for the examples.

    Returns:
        `final`, the last log row; `log`, all rows as columns; `lit_positives`, the
        share of the positives whose mask has a pixel above `THRESHOLD`; `probs`, the
        examples' probability of the target.
    """
    training, validation = train(cell, work_dir)
    positives = validation.images[validation.labels == 1]
    outputs = predict_images(training.joint, positives, batch_size=BATCH_SIZE)
    masks = outputs["mask"][..., 0]
    np.savez_compressed(
        results_dir / f"{Path(cell.filename).stem}.npz",
        images=positives[:NUM_EXAMPLES],
        masks=np.round(masks[:NUM_EXAMPLES] * 255).astype(np.uint8),
    )
    return {
        "final": training.rows[-1],
        "log": log_columns(training.rows),
        "lit_positives": rounded(float((masks.max(axis=(1, 2)) > THRESHOLD).mean())),
        "probs": [rounded(float(p)) for p in outputs["probs"][:NUM_EXAMPLES, 1]],
    }


def train(cell: Cell, work_dir: Path) -> tuple[Training, Split]:
    """Trains one cell, or loads what it left.

    Args:
        cell: one of `cells`.
        work_dir: for data sets and run folders, which are kept.

    Returns:
        What it leaves, and the validation images.
    """
    folder = make_data(cell.spec["data"], work_dir)
    train, validation = read_voc(folder, "train"), read_voc(folder, "val")
    return train_cell(cell, train, validation, work_dir), validation


def make_data(options: dict[str, Any], work_dir: Path) -> Path:
    """Generates a cell's data set, unless it is there, and returns its folder."""
    config = PolygonConfig(**json.loads(json.dumps(options)))
    folder = work_dir / "data" / Path(Cell("polygons", options).filename).stem
    if not folder.exists():
        generate(config, folder, progress=False)
    return folder


def _other_losses(ours: JointConfig) -> dict[str, JointConfig]:
    """Our recipe with one more loss on the mask, or another one instead of the price.

    Weights are in the ratio that the follow-up used on real images (beta .9, gamma 1)
    to the last price, and do not rise with it; its mean of the mask is our price.

    Reference:
        Rio-Torto et al., Pattern Recognition Letters 133, 2020, and its README.
    """
    price = ours.stages[-1].l1
    return {
        "tv": with_mask_losses(ours, total_variation=price * 0.1 / 0.9),
        "hybrid": with_mask_losses(
            ours, total_variation=price * 0.1 / 0.9, outside_boxes=price / 0.9
        ),
        "supervised": with_mask_losses(with_l1(ours, 0.0), supervised=10.0),
    }


def _cell(
    name: str,
    config: JointConfig,
    profile: str,
    data: str,
    size: str,
    seed: int,
) -> Cell:
    image_size, max_shapes = SIZES[profile][size]
    num_images, num_positive = NUM_IMAGES[profile]
    full_size = SIZES[profile]["full"][0]
    data_config = dataclasses.replace(
        DATA_RECIPES[data],
        num_images=num_images,
        num_positive=num_positive,
        image_size=image_size,
        max_shapes=max_shapes,
        min_radius=min(DATA_RECIPES[data].min_radius, MAX_RADIUS[profile]),
        max_radius=min(DATA_RECIPES[data].max_radius, MAX_RADIUS[profile]),
        seed=seed,
    )
    if config.l1_reduction == "sum":
        config = scale_l1(config, (full_size / image_size) ** 2)
    return Cell(
        f"{name}_{data}-{image_size}_seed{seed}",
        {
            "profile": profile,
            "config": changes_from_default(config),
            "data": dataclasses.asdict(data_config),
            "seed": seed,
            "precision": "mixed_bfloat16",
        },
    )
