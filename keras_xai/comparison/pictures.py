"""Examples and figures of a comparison."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.comparison.cases import Case
from keras_xai.comparison.heatmaps import BASELINES, JOINT, open_heatmaps
from keras_xai.comparison.tables import read_values
from keras_xai.report.figures import (
    draw_curves,
    draw_heatmap_grid,
    draw_perturbation_curves,
)
from keras_xai.training.config import Stage
from keras_xai.training.runs import LogRow

NUM_EXAMPLES = 8  # images beside their heatmaps in the report
NUM_ROWS = 4  # of the grids


def write_examples(case: Case, path: Path) -> None:
    """Writes the first images with what is known of them, whole or not at all.

    The file holds `image` uint8 `(k, height, width, channels)`, `filename`, `index`
    into the heatmaps, `label` (the classifier's) and `truth` as class names, and, with
    ground truth, `target` bool `(k, height, width)`.

    Args:
        case: what was compared.
        path: the .npz to write.
    """
    split, names = case.sample.split, case.class_names
    indices = np.arange(min(NUM_EXAMPLES, split.num_images))
    region = case.sample.targets or case.sample.boxes
    arrays: dict[str, Any] = {
        "image": split.images[indices],
        "filename": np.array([split.filenames[i] for i in indices]),
        "index": indices,
        "label": np.array([_name(names, case.classes[i]) for i in indices]),
        "truth": np.array([_name(names, split.labels[i]) for i in indices]),
    }
    if region is not None:
        arrays["target"] = region.draw(indices)
    part = path.with_name(f".{path.name}")
    np.savez_compressed(part, **arrays)
    os.replace(part, path)


def draw_figures(case: Case, heatmaps: Mapping[str, Path], folder: Path) -> None:
    """Draws fig6_paper.png, fig6_fair.png, curves.png and, with a log, fig7.png.

    The grids show the joint model's mask and the analyzers; without analyzers, the
    baselines. Their rows are the first images with a target, or the first of all. The
    curves are means over images, for the first fill and patch size.

    Args:
        case: what was compared.
        heatmaps: method to its file.
        folder: where the figures go.
    """
    region = case.sample.targets or case.sample.boxes
    rows = np.arange(case.sample.split.num_images)
    if region is not None and len(region.images):
        rows = region.images
    rows = rows[:NUM_ROWS]
    shown = [name for name in heatmaps if name not in BASELINES]
    if set(shown) <= {JOINT}:
        shown = list(heatmaps)
    columns = {
        "ours" if name == JOINT else name: np.asarray(
            open_heatmaps(heatmaps[name])[rows]
        )
        for name in shown
    }
    images = case.sample.split.images[rows]
    draw_heatmap_grid(
        images,
        columns,
        folder / "fig6_paper.png",
        title="In the paper's colours, each picture stretched",
        colours="paper",
    )
    draw_heatmap_grid(
        images,
        columns,
        folder / "fig6_fair.png",
        title="All divided by their largest absolute value: red for the class, blue "
        "against it",
        colours="fair",
    )
    how = case.faithfulness
    draw_perturbation_curves(
        {name: read_values(folder / "curves" / f"{name}.npz") for name in heatmaps},
        folder / "curves.png",
        patch_size=how.patch_sizes[0],
        fill=how.fills[0],
    )
    if case.subject.log:
        curves = accuracy_curves(case.subject.log, case.subject.stages)
        draw_curves(
            {"": {label: [curve] for label, curve in curves.items()}},
            folder / "fig7.png",
            title="Accuracy by epoch; dashed: majority rate",
            ylabel="validation accuracy",
            baseline=case.subject.log[-1].get("majority_rate"),
        )


def accuracy_curves(
    log: Sequence[LogRow], stages: Sequence[Stage]
) -> dict[str, list[float]]:
    """Parts a run's accuracy by whether the explainer was there.

    Args:
        log: of all stages, one row an epoch.
        stages: of the run.

    Returns:
        By label two curves from the first epoch on, NaN in the epochs of the other.

    Reference:
        [IbPRIA19] Fig. 7.
    """
    without = {stage.name for stage in stages if stage.white_mask}
    curves: dict[str, list[float]] = {}
    for epoch, row in enumerate(log):
        is_without = row["stage"] in without
        label = "without the explainer" if is_without else "then with the explainer"
        curve = curves.setdefault(label, [])
        curve += [np.nan] * (epoch - len(curve)) + [row["val_accuracy"]]
    return curves


def _name(class_names: Sequence[str], label: int) -> str:
    return class_names[label] if label < len(class_names) else f"class {label}"
