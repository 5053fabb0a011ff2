"""Grids of images and masks, and curves."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

THRESHOLD = 0.75  # [IbPRIA19] Sec. 3
DPI = 90
MAX_BYTES = 300_000  # of a figure


def draw_mask_grid(
    rows: Mapping[str, tuple[np.ndarray, np.ndarray]], path: Path, *, title: str
) -> None:
    """Draws image, mask and thresholded mask, several examples a row.

    Masks are shown in viridis from 0 to 1, never stretched.

    Args:
        rows: row label to `images`, `(n, height, width, 3)` uint8, and `masks`,
            `(n, height, width)` uint8, 255 being 1.
        path: the PNG to write.
        title: above the grid.
    """
    num_examples = max(len(images) for images, _ in rows.values())
    cell = _cell_inches(next(iter(rows.values()))[0])
    figure, axes = plt.subplots(
        len(rows),
        3 * num_examples,
        figsize=(3 * num_examples * cell, len(rows) * (cell + 0.1) + 0.5),
        squeeze=False,
    )
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    for row, (label, (images, masks)) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(label, fontsize=8)
        for i, (image, mask) in enumerate(zip(images, masks, strict=True)):
            row[3 * i].imshow(image, vmin=0, vmax=255)
            row[3 * i + 1].imshow(mask, cmap="viridis", vmin=0, vmax=255)
            above = mask > THRESHOLD * 255
            row[3 * i + 2].imshow(above, cmap="viridis", vmin=0, vmax=1)
    for i in range(num_examples):
        for column, name in enumerate(("image", "mask", f"mask > {THRESHOLD}")):
            axes[0, 3 * i + column].set_title(name, fontsize=7)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def draw_heatmap_grid(
    images: np.ndarray,
    heatmaps: Mapping[str, np.ndarray],
    path: Path,
    *,
    title: str,
    colours: Literal["paper", "fair"],
) -> None:
    """Draws each image beside its heatmaps, one column a method.

    Args:
        images: `(n, height, width, channels)` uint8.
        heatmaps: column title to `(n, height, width)`, in the methods' own units.
        path: the PNG to write.
        title: above the grid.
        colours: "paper" is viridis from each picture's least to its largest value, as
            the masks of [IbPRIA19] are drawn; what is small in one picture may be
            yellow in the next. "fair" divides every heatmap by its largest absolute
            value: red speaks for the class, blue against it, white is zero.
    """
    cell = _cell_inches(images)
    width = (1 + len(heatmaps)) * cell
    figure, axes = plt.subplots(
        len(images),
        1 + len(heatmaps),
        figsize=(width, len(images) * cell + 1),
        squeeze=False,
    )
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_color("lightgrey")
    for row, image in zip(axes, images, strict=True):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        row[0].imshow(pixels, cmap="gray", vmin=0, vmax=255)
    for column, shown in enumerate(heatmaps.values(), start=1):
        for row, heatmap in zip(axes, shown, strict=True):
            if colours == "paper":
                row[column].imshow(heatmap, cmap="viridis")
            else:
                peak = np.abs(heatmap).max() or 1.0
                row[column].imshow(heatmap / peak, cmap="seismic", vmin=-1, vmax=1)
    for axis, name in zip(axes[0], ("image", *heatmaps), strict=True):
        words = name.replace("_", " ").replace(".", ". ")
        axis.set_title(textwrap.fill(words, 13), fontsize=7)
    figure.suptitle(textwrap.fill(title, int(14 * width)), fontsize=9)
    save_figure(figure, path)


def draw_curves(
    panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
    path: Path,
    *,
    title: str,
    ylabel: str,
    baseline: float | None = None,
    boundaries: Sequence[int] = (),
) -> None:
    """Draws curves over epochs, one thin line a seed and one panel a setting.

    Args:
        panels: panel title to curve label to one sequence of values a seed.
        path: the PNG to write.
        title: above the panels.
        ylabel: of the values, in [0, 1].
        baseline: a dashed horizontal line: the majority rate.
        boundaries: epochs at which a stage ends, as dotted vertical lines.
    """
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(max(8, 4.2 * len(panels)), 3),
        sharey=True,
        squeeze=False,
    )
    for axis, (name, curves) in zip(axes[0], panels.items(), strict=True):
        for colour, (label, seeds) in enumerate(curves.items()):
            for i, values in enumerate(seeds):
                axis.plot(
                    np.arange(1, len(values) + 1),
                    values,
                    color=f"C{colour}",
                    linewidth=0.9,
                    marker="." if len(values) == 1 else None,
                    label=label if i == 0 else None,
                )
        if baseline is not None:
            axis.axhline(baseline, color="grey", linestyle="--", linewidth=0.9)
        for epoch in boundaries:
            axis.axvline(epoch + 0.5, color="grey", linestyle=":", linewidth=0.7)
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("epoch", fontsize=8)
        axis.set_ylim(0, 1.03)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=7, loc="lower right")
    axes[0, 0].set_ylabel(ylabel, fontsize=8)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def draw_perturbation_curves(
    curves: Mapping[str, Mapping[str, np.ndarray]],
    path: Path,
    *,
    patch_size: int,
    fill: str,
) -> None:
    """Draws how a class's probability falls, or rises, in the order of a heatmap.

    One panel each for MoRF, LeRF, deletion and insertion; one line a method, the mean
    over images. The joint model's is thick and black, baselines are dashed.

    Args:
        curves: method to curve's name to `(num_images, num_points)` in [0, 1], as
            `faithfulness_measure` keeps them.
        path: the PNG to write.
        patch_size: of MoRF and LeRF, in pixels.
        fill: what stands where something was taken away.
    """
    panels = {
        f"morf_p{patch_size}_{fill}": "most relevant patches first",
        f"lerf_p{patch_size}_{fill}": "least relevant patches first",
        f"deletion_{fill}": "deletion, pixel by pixel",
        f"insertion_{fill}": "insertion, pixel by pixel",
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(13, 3.6), sharey=True)
    colours = matplotlib.colormaps["tab20"](np.arange(20))
    for axis, (name, title) in zip(axes, panels.items(), strict=True):
        for i, (method, of_method) in enumerate(curves.items()):
            values = of_method[name].mean(axis=0)
            is_joint = method == "joint"
            axis.plot(
                values,
                color="black" if is_joint else colours[i % len(colours)],
                linewidth=2 if is_joint else 0.9,
                linestyle="--" if method.startswith("baseline.") else "-",
                label=method,
            )
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("step", fontsize=8)
        axis.set_ylim(0, 1.03)
        axis.tick_params(labelsize=7)
    axes[0].set_ylabel("probability of the class", fontsize=8)
    axes[-1].legend(fontsize=6, loc="center left", bbox_to_anchor=(1.02, 0.5))
    num_images = len(next(iter(next(iter(curves.values())).values())))
    figure.suptitle(
        f"What is taken away becomes {fill} (n = {num_images}, {patch_size}×"
        f"{patch_size} patches)",
        fontsize=10,
    )
    save_figure(figure, path)


def _cell_inches(images: np.ndarray) -> float:
    """Returns the side of a picture, of which no pixel is lost, and its margin."""
    return max(1.0, max(images.shape[1:3]) / DPI) + 0.25


def save_figure(figure: plt.Figure, path: Path) -> None:
    """Writes a PNG, of 256 colours if it would be too large, and closes the figure.

    Args:
        figure: laid out and drawn here.
        path: the PNG to write; its folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    plt.close(figure)
    with Image.open(drawn) as image:
        colours = image.convert("RGB")
    colours.save(path, optimize=True)
    if path.stat().st_size > MAX_BYTES:
        colours.quantize(256, Image.Quantize.FASTOCTREE).save(path, optimize=True)
