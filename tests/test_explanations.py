import matplotlib
import numpy as np
import pytest

from keras_xai.explanations import THRESHOLD, colour_mask, overlay_mask


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


def test_threshold_is_the_papers():
    assert THRESHOLD == 0.75
