"""The first paper's comparison with iNNvestigate, as cells of a sweep."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from keras_xai.comparison.compare import compare
from keras_xai.comparison.options import Options
from keras_xai.errors import InputError
from keras_xai.reproduction import joint
from keras_xai.sweeps import Cell

# Size and training: of a recipe that learns, of the paper's, which does not, and of a
# mask that has learned from annotations. Explained is the classifier alone.
TRAININGS = (
    ("half", f"joint_l1-{joint.OUR_PRICE['half']}"),
    ("half", "joint-2019_l1-1e-06"),
    ("full", f"joint_l1-{joint.OUR_PRICE['full']}"),
    ("half", "joint-supervised_l1-x1"),
    ("full", "joint-2019_l1-1e-06"),
)
OPTIONS = {
    "smoke": Options(methods=(), num_images=6, leak_steps=2, num_steps=2),
    "quick": Options(),
    # Long enough for SmoothGrad at 224×224 beside other work.
    "paper": Options(num_images=250, seconds_per_method=3600),
}
LATER = {"precision": "float32"}  # options that the first cells did not have yet
FIGURES = ("fig6_paper", "fig6_fair", "fig7")


def cells(profile: str) -> list[Cell]:
    """Lists every comparison of a profile, the most telling first.

    A cell compares the explanations of what one cell of `keras_xai.reproduction.joint`
    trained, on its validation images.

    Args:
        profile: one of `keras_xai.recipes.PROFILES`.

    Returns:
        Cells that are named as the training is.
    """
    trainings = {cell.name: cell for cell in joint.cells(profile)}
    sizes = joint.SIZES[profile]
    names = [
        f"{training}_paper-{sizes[size][0]}_seed{seed}"
        for size, training in TRAININGS
        for seed in range(3)
    ]
    return [
        Cell(
            name,
            {
                "training": trainings[name].spec,
                "options": _describe(OPTIONS[profile])
                | {"seed": trainings[name].spec["seed"]},
                "seed": trainings[name].spec["seed"],
            },
        )
        for name in names
        if name in trainings
    ]


def _describe(options: Options) -> dict[str, Any]:
    """What was asked for; an option that came later leaves older cells as they were."""
    values = dataclasses.asdict(options).items()
    return {k: v for k, v in values if v is not None and (k, v) not in LATER.items()}


def measure(cell: Cell, work_dir: Path, results_dir: Path) -> dict[str, Any]:
    """Compares what one cell trained, and trains it first if need be.

    For seed 0 it also writes the figures of `FIGURES`, into figures/ beside the
    results' folder.

    Args:
        cell: one of `cells`.
        work_dir: for data sets, run folders and comparisons, which are kept.
        results_dir: where the result goes.

    Returns:
        What comparison.json holds, without the settings.

    Raises:
        InputError: if time or memory ran out for a method, which is no result.
    """
    training = Cell(cell.name, cell.spec["training"])
    run_dir = joint.train(training, work_dir)[0].run_dir
    out_dir = work_dir / "comparisons" / Path(cell.filename).stem
    data = joint.make_data(training.spec["data"], work_dir)
    failures = compare(run_dir, data, out_dir, Options(**cell.spec["options"]))
    for name, failure in failures.items():
        if not failure.is_final:
            raise InputError(
                f"{cell.name}: {name} failed: {failure.reason} Expected heatmaps; the "
                "same command tries again and keeps the others."
            )
    if cell.spec["seed"] == 0:
        folder = results_dir.parent / "figures"
        folder.mkdir(exist_ok=True)
        for figure in FIGURES:
            name = f"{figure}_{cell.name}.png"
            shutil.copyfile(out_dir / f"{figure}.png", folder / name)
    comparison = json.loads((out_dir / "comparison.json").read_text())
    return {
        key: value
        for key, value in comparison.items()
        if key not in ("settings", "environment", "begun")
    }
