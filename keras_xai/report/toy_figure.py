"""The figure of the second paper's toy: points, what comes back, and the loss."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from keras_xai.report.figures import save_figure


def draw_toy(
    x: np.ndarray,
    reconstructions: Mapping[str, np.ndarray],
    losses: tuple[Sequence[float], Sequence[float], Sequence[float]],
    path: Path,
) -> None:
    """Draws points with their reconstructions, and the loss by the encoder's angle.

    Args:
        x: `(n, 2)`, the points.
        reconstructions: panel title to `(n, 2)`.
        losses: angles from u1 in degrees, the closed form, and what was measured.
        path: the PNG to write.
    """
    figure, axes = plt.subplots(
        1, len(reconstructions) + 1, figsize=(3.4 * (len(reconstructions) + 1), 3.2)
    )
    for axis, (title, points) in zip(axes, reconstructions.items(), strict=False):
        axis.plot(*np.stack([x, points], axis=1).transpose(2, 1, 0), c="0.85", lw=0.6)
        axis.scatter(*x.T, s=4, c="0.5", label="x")
        axis.scatter(*points.T, s=4, c="tab:orange", label="reconstruction")
        axis.set(title=title, xlabel="x1", ylabel="x2", xlim=(-5.5, 5.5))
        axis.set_aspect("equal", "datalim")
        axis.legend(fontsize=7, loc="upper right")
    angles, closed_form, measured = losses
    axes[-1].plot(angles, closed_form, c="k", lw=1, label="closed form")
    axes[-1].plot(angles, measured, "o", ms=3, c="tab:orange", label="measured")
    axes[-1].set(
        title="Loss of the best linear decoder",
        xlabel="angle between encoder and u1 (degrees)",
        ylabel="mean squared error",
        ylim=(0, None),
    )
    axes[-1].legend(fontsize=7)
    save_figure(figure, path)
