import matplotlib
import numpy as np
import pytest
from PIL import Image

from keras_xai.datasets.collection import open_images
from keras_xai.explanations import colour_mask, explain_images, overlay_mask
from keras_xai.models.classifier import build_classifier
from keras_xai.models.explainer import build_explainer
from keras_xai.models.joint import build_joint


def test_colours_are_viridis_from_0_to_1_unstretched():
    viridis = matplotlib.colormaps["viridis"]
    for value in (0.0, 0.5, 1.0):
        colours = colour_mask(np.full((2, 3), value, np.float32))
        assert colours.shape == (2, 3, 3) and colours.dtype == np.uint8
        expected = np.array(viridis(value, bytes=True)[:3])
        np.testing.assert_array_equal(colours, np.broadcast_to(expected, (2, 3, 3)))


@pytest.mark.parametrize("num_channels", [1, 3])
def test_overlay_lies_between_image_and_mask(num_channels, rng):
    image = rng.integers(0, 256, (5, 4, num_channels), dtype=np.uint8)
    mask = rng.random((5, 4))
    overlay = overlay_mask(image, mask).astype(int)
    rgb = np.broadcast_to(image, (5, 4, 3)).astype(int)
    colours = colour_mask(mask).astype(int)
    assert (overlay >= np.minimum(rgb, colours) - 1).all()
    assert (overlay <= np.maximum(rgb, colours) + 1).all()


def test_pictures_are_those_of_the_masks(tmp_path):
    """Also the thresholded ones, which show what is above the paper's 0.75."""
    joint = build_joint(
        build_explainer((8, 8, 3), filters=(4, 8), init_bias=0.95),
        build_classifier((8, 8, 3), 2, filters=(4, 8)),
    )
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    out = tmp_path / "out"
    explain_images(joint, ("a", "b"), open_images(tmp_path / "a.png"), out)
    with np.load(out / "masks.npz") as arrays:
        [mask] = arrays["mask"]
    assert 0 < (mask > 0.75).mean() < 1
    expected = {
        "masks": colour_mask(mask),
        "overlays": overlay_mask(pixels, mask),
        "thresholded": colour_mask(np.where(mask > 0.75, 1.0, 0.0)),
    }
    for folder, picture in expected.items():
        with Image.open(out / folder / "a.png.png") as file:
            np.testing.assert_array_equal(file, picture)
