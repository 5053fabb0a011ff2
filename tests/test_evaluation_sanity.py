from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import metrics

from keras_xai.evaluation.sanity import (
    parameter_randomisation,
    rank_correlation,
    structural_similarity,
)

HEATMAPS = hnp.arrays(
    np.float64, (2, 4, 3), elements=st.floats(-1, 1).map(lambda x: round(x, 1))
)
SIMILARITIES = (rank_correlation, structural_similarity)


def _slow_ranks(values):
    return [
        sum(b < a for b in values) + (1 + sum(b == a for b in values)) / 2
        for a in values
    ]


@given(HEATMAPS, HEATMAPS)
def test_rank_correlation_equals_its_slow_restatement(before, after):
    for i, (first, second) in enumerate(zip(before, after, strict=True)):
        if np.ptp(first) == 0 or np.ptp(second) == 0:
            expected = float(np.ptp(first) == np.ptp(second))
        else:
            ranks = _slow_ranks(first.ravel()), _slow_ranks(second.ravel())
            expected = np.corrcoef(*ranks)[0, 1]
        assert rank_correlation(before, after)[i] == pytest.approx(expected, abs=1e-12)


def test_structural_similarity_equals_its_slow_restatement(rng):
    before, after = rng.normal(size=(2, 2, 13, 14))
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    for i, pair in enumerate(zip(before, after, strict=True)):
        first, second = ((h - h.min()) / (h.max() - h.min()) for h in pair)
        values = []
        for y in range(3):
            for x in range(4):
                a, b = (h[y : y + 11, x : x + 11] for h in (first, second))
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                var_a = (window * (a - mean_a) ** 2).sum()
                var_b = (window * (b - mean_b) ** 2).sum()
                covariance = (window * (a - mean_a) * (b - mean_b)).sum()
                values.append(
                    (2 * mean_a * mean_b + 1e-4)
                    * (2 * covariance + 9e-4)
                    / (mean_a**2 + mean_b**2 + 1e-4)
                    / (var_a + var_b + 9e-4)
                )
        expected = pytest.approx(np.mean(values))
        assert structural_similarity(before, after)[i] == expected


def test_structural_similarity_is_scikit_images(rng):
    before, after = rng.random((2, 1, 20, 17))
    before, after = ((h - h.min()) / (h.max() - h.min()) for h in (before[0], after[0]))
    expected = metrics.structural_similarity(
        before,
        after,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert structural_similarity(before[None], after[None]) == pytest.approx(expected)


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equal_heatmaps_are_alike_at_any_positive_scale(similarity, rng):
    heatmaps = rng.normal(size=(3, 12, 13)).astype(np.float32)
    scores = similarity(heatmaps, 4 * heatmaps)
    assert scores.shape == (3,)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, 1)
    constant = np.ones((1, 12, 12))
    assert similarity(constant, constant) == 1


def test_reversed_order_has_correlation_minus_1(rng):
    heatmaps = rng.normal(size=(3, 5, 6))
    np.testing.assert_allclose(rank_correlation(heatmaps, -(heatmaps**3)), -1)
    assert rank_correlation(heatmaps[:1], np.ones((1, 5, 6))) == 0


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_heatmaps_that_cannot_be_compared_are_errors(similarity):
    heatmaps = np.ones((2, 12, 12))
    with pytest.raises(ValueError, match=r"`after`.*\(2, 12, 12\).*\(2, 12, 11\)"):
        similarity(heatmaps, heatmaps[..., :11])
    with pytest.raises(ValueError, match="`before`. Expected finite values"):
        similarity(heatmaps * np.nan, heatmaps)
    with pytest.raises(ValueError, match="`after`. Expected finite values"):
        similarity(heatmaps, heatmaps * np.inf)


class Model:
    """Its heatmaps are its weights times the image: two layers to randomise."""

    def __init__(self, rng):
        self.rng = rng
        self.weights = rng.normal(size=(5, 6))
        self.batch_sizes = []

    def explain(self, images):
        self.batch_sizes.append(len(images))
        return self.weights * images[..., 0]

    def randomise(self):
        yield "nothing", self.explain
        self.weights = -self.weights
        yield "sign", self.explain
        self.weights = self.rng.normal(size=(5, 6))
        yield "all", self.explain


@pytest.mark.parametrize("batch_size", [1, 2, 7, 50])
def test_randomisation_may_change_one_model_as_it_goes(rng, batch_size):
    model = Model(rng)
    images = rng.random((7, 5, 6, 1))
    before = model.explain(images)
    model.batch_sizes.clear()
    scores = parameter_randomisation(
        model.explain, model.randomise(), images, batch_size=batch_size
    )
    np.testing.assert_allclose(scores["nothing"], 1)
    np.testing.assert_allclose(scores["sign"], -1)
    np.testing.assert_allclose(
        scores["all"], rank_correlation(before, model.explain(images))
    )
    assert list(scores) == ["nothing", "sign", "all"]
    assert len(model.batch_sizes) == 4 * ceil(7 / batch_size) + 1
    assert max(model.batch_sizes[:-1]) <= batch_size


def test_explanation_without_a_model_is_caught():
    images = np.random.default_rng(0).random((3, 12, 12, 1))
    scores = parameter_randomisation(
        lambda batch: batch[..., 0],
        {"all": lambda batch: batch[..., 0]}.items(),
        images,
        similarity=structural_similarity,
    )
    np.testing.assert_allclose(scores["all"], 1)
