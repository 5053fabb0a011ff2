"""Grids of pictures: what is drawn is what is there, and no file is too large."""

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from keras_xai.report.figures import draw_heatmap_grid, draw_mask_grid
from keras_xai.report.image_grids import draw_image_grid

VIRIDIS = {0.0: (68, 1, 84), 1.0: (253, 231, 36)}


def colours(path):
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    return {tuple(map(int, colour)) for colour in np.unique(pixels, axis=0)}


def test_a_dim_mask_is_drawn_dim(tmp_path):
    images = np.full((1, 32, 32, 3), 255, np.uint8)
    dim = np.full((1, 32, 32), 51, np.uint8)  # .2 of the largest
    draw_mask_grid({"triangle": (images, dim)}, tmp_path / "grid.png", title="masks")
    drawn = colours(tmp_path / "grid.png")
    assert tuple(map(int, colormaps["viridis"](51, bytes=True)[:3])) in drawn
    assert VIRIDIS[0.0] in drawn  # nothing is above the threshold
    assert VIRIDIS[1.0] not in drawn


def test_the_papers_colours_stretch_and_fair_ones_keep_the_sign(tmp_path):
    images = np.zeros((1, 16, 16, 1), np.uint8)
    heatmap = np.zeros((1, 16, 16))
    heatmap[0, :4] = 1e-6
    heatmap[0, 4:8] = -1e-6
    for scale in ("paper", "fair"):
        path = tmp_path / f"{scale}.png"
        draw_heatmap_grid(images, {"lrp.z": heatmap}, path, title=scale, colours=scale)
    assert {*VIRIDIS.values()} <= colours(tmp_path / "paper.png")
    red, blue = (127, 0, 0), (0, 0, 76)  # the ends of seismic
    assert {red, blue} <= colours(tmp_path / "fair.png")


@pytest.mark.parametrize("grey", [0, 97, 255])
def test_a_grey_image_keeps_its_grey(tmp_path, grey):
    images = np.full((2, 8, 8, 1), grey, np.uint8)
    draw_image_grid({"original": images}, tmp_path / "grid.png", title="grey")
    with Image.open(tmp_path / "grid.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert (pixels == grey).all(axis=-1).mean() > 0.1


def test_a_figure_of_noise_is_not_too_large(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4, 112, 112, 3), np.uint8)
    masks = noise[..., 0]
    path = tmp_path / "figures" / "noise.png"
    draw_mask_grid({f"row {i}": (noise, masks) for i in range(2)}, path, title="noise")
    assert 100_000 < path.stat().st_size <= 300_000
