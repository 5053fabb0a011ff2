import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_xai.evaluation.complexity import entropy, gini

HEATMAPS = hnp.arrays(
    np.float64, (2, 4, 5), elements=st.floats(-1, 1).map(lambda x: round(x, 2))
)
MEASURES = (entropy, gini)


@given(HEATMAPS)
def test_measures_equal_their_slow_restatement(heatmaps):
    for i, heatmap in enumerate(heatmaps):
        values = [abs(value) for value in heatmap.ravel().tolist()]
        values = values if any(values) else [1] * 20
        total = sum(values)
        shares = [value / total for value in values]
        expected = -sum(p * math.log(p) for p in shares if p)
        assert entropy(heatmaps)[i] == pytest.approx(expected, abs=1e-12)
        gaps = sum(abs(a - b) for a in shares for b in shares)
        assert gini(heatmaps)[i] == pytest.approx(gaps / (2 * 20), abs=1e-12)


@pytest.mark.parametrize("level", [0, 1, -0.3])
def test_constant_heatmap_is_the_least_simple(level):
    heatmap = np.full((1, 6, 7), level, np.float32)
    assert entropy(heatmap) == pytest.approx(math.log(42))
    assert gini(heatmap) == pytest.approx(0)


def test_single_pixel_is_the_simplest():
    heatmap = np.zeros((1, 6, 7))
    heatmap[0, 2, 3] = -5
    assert entropy(heatmap) == 0
    assert gini(heatmap) == pytest.approx(1 - 1 / 42)


@pytest.mark.parametrize("measure", MEASURES)
def test_sign_and_scale_do_not_count(measure, rng):
    heatmaps = rng.normal(size=(5, 6, 7))
    scores = measure(heatmaps)
    assert scores.shape == (5,)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, measure(-heatmaps))
    np.testing.assert_allclose(scores, measure(1e-3 * np.abs(heatmaps)))


@pytest.mark.parametrize("measure", MEASURES)
def test_heatmaps_with_nan_are_an_error(measure):
    heatmaps = np.ones((2, 3, 3))
    heatmaps[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="`heatmaps`. Expected finite values"):
        measure(heatmaps)
