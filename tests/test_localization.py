import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_xai.evaluation.localization import (
    coverage,
    dilate,
    pointing_game,
    relevance_mass,
)

HEATMAPS = hnp.arrays(
    np.float64, (3, 5, 4), elements=st.floats(-1, 1).map(lambda x: round(x, 1))
)
MASKS = hnp.arrays(bool, (3, 5, 4))


@given(HEATMAPS, MASKS)
def test_measures_equal_their_slow_restatement(heatmaps, masks):
    for i, (heatmap, mask) in enumerate(zip(heatmaps, masks, strict=True)):
        pixels = [(heatmap[y, x], mask[y, x]) for y in range(5) for x in range(4)]
        best = max(value for value, _ in pixels)
        hits = [inside for value, inside in pixels if value == best]
        assert pointing_game(heatmaps, masks)[i] == pytest.approx(np.mean(hits))
        total = sum(max(value, 0) for value, _ in pixels)
        inside = sum(max(value, 0) for value, is_in in pixels if is_in)
        expected = inside / total if total else 0
        assert relevance_mass(heatmaps, masks)[i] == pytest.approx(expected)
        assert coverage(heatmaps)[i] == pytest.approx(
            sum(value for value, _ in pixels) / 20
        )


def test_constant_heatmap_scores_the_targets_share():
    target = np.zeros((1, 10, 10), bool)
    target[0, :3, :5] = True
    for heatmap in (np.ones((1, 10, 10)), np.full((1, 10, 10), 0.2)):
        assert pointing_game(heatmap, target) == pytest.approx(0.15)
        assert relevance_mass(heatmap, target) == pytest.approx(0.15)


def test_black_heatmap_has_no_mass_on_target():
    target = np.ones((1, 4, 4), bool)
    assert relevance_mass(np.zeros((1, 4, 4)), target) == 0
    assert coverage(np.zeros((1, 4, 4))) == 0


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_dilation_reaches_exactly_its_radius_along_the_axes(radius):
    masks = np.zeros((2, 15, 15), np.uint8)
    masks[0, 7, 7] = 1
    grown = dilate(masks, radius)
    assert grown.dtype == bool
    assert grown[0, 7].sum() == grown[0, :, 7].sum() == 2 * radius + 1
    assert not grown[1].any()
