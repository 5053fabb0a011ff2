"""Grids of images and their reconstructions on a fixed scale."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from keras_xai.report.figures import save_figure


def draw_image_grid(
    rows: Mapping[str, np.ndarray],
    path: Path,
    *,
    title: str,
    groups: Mapping[str, int] | None = None,
) -> None:
    """Draws one row of pictures a label; black is 0 and white is 255, never stretched.

    Args:
        rows: row label to `(n, height, width, channels)` uint8, the same n in all.
        path: the PNG to write.
        title: above the grid.
        groups: heading to the number of columns under it, from the left.
    """
    num_columns = max(len(images) for images in rows.values())
    figure, axes = plt.subplots(
        len(rows),
        num_columns,
        figsize=(num_columns * 0.85 + 1.2, len(rows) * 0.9 + 0.7),
        squeeze=False,
    )
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    for row, (label, images) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
        for axis, image in zip(row, images, strict=False):
            pixels = image[..., 0] if image.shape[-1] == 1 else image
            axis.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    start = 0
    for heading, width in (groups or {}).items():
        if start < num_columns:
            axes[0, start].set_title(heading, fontsize=8, loc="left")
        start += width
    figure.suptitle(title, fontsize=9)
    save_figure(figure, path)
