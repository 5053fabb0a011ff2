import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_xai.evaluation.localization import (
    average_precision,
    best_iou,
    coverage,
    dilate,
    iou,
    pointing_game,
    pompom,
    relevance_mass,
    relevance_rank,
    roc_auc,
)

HEATMAPS = hnp.arrays(
    np.float64, (3, 5, 4), elements=st.floats(-1, 1).map(lambda x: round(x, 1))
)
MASKS = hnp.arrays(bool, (3, 5, 4))
PROPER = MASKS.filter(lambda m: (m.any(axis=(1, 2)) & ~m.all(axis=(1, 2))).all())
RANK_MEASURES = (average_precision, best_iou, pointing_game, relevance_rank, roc_auc)
TARGET_MEASURES = (average_precision, best_iou, iou, relevance_rank, roc_auc)
MEASURES = (*TARGET_MEASURES, pointing_game, pompom, relevance_mass)


def _pixels(heatmap, mask):
    return list(zip(heatmap.ravel().tolist(), mask.ravel().tolist(), strict=True))


@given(HEATMAPS, MASKS)
def test_measures_equal_their_slow_restatement(heatmaps, masks):
    for i, (heatmap, mask) in enumerate(zip(heatmaps, masks, strict=True)):
        pixels = _pixels(heatmap, mask)
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
        off_target = [value for value, is_in in pixels if not is_in]
        num_lit = sum(value > 1e-6 for value in off_target)
        expected = num_lit / (len(off_target) + 1e-6)
        assert pompom(heatmaps, masks)[i] == pytest.approx(expected)


@given(HEATMAPS, PROPER)
def test_rank_measures_equal_their_slow_restatement(heatmaps, masks):
    for i, (heatmap, mask) in enumerate(zip(heatmaps, masks, strict=True)):
        pixels = _pixels(heatmap, mask)
        on = [value for value, is_in in pixels if is_in]
        off = [value for value, is_in in pixels if not is_in]

        wins = [(a > b) + (a == b) / 2 for a in on for b in off]
        assert roc_auc(heatmaps, masks)[i] == pytest.approx(np.mean(wins))

        precisions = [
            sum(b >= a for b in on) / sum(b >= a for b, _ in pixels) for a in on
        ]
        expected = np.mean(precisions)
        assert average_precision(heatmaps, masks)[i] == pytest.approx(expected)

        overlaps = [
            sum(a >= t for a in on) / (len(on) + sum(b >= t for b in off))
            for t, _ in pixels
        ]
        assert best_iou(heatmaps, masks)[i] == pytest.approx(max(overlaps))
        expected = sum(a > 0.3 for a in on) / (len(on) + sum(b > 0.3 for b in off))
        assert iou(heatmaps, masks, threshold=0.3)[i] == pytest.approx(expected)

        last = sorted(on + off, reverse=True)[len(on) - 1]
        above = [is_in for value, is_in in pixels if value > last]
        tied = [is_in for value, is_in in pixels if value == last]
        hits = sum(above) + (len(on) - len(above)) * np.mean(tied)
        assert relevance_rank(heatmaps, masks)[i] == pytest.approx(hits / len(on))


def test_relevance_rank_is_the_mean_over_orders_of_the_ties(rng):
    """What sorting gives on average, when it breaks ties at random."""
    heatmap = np.array([[3.0, 2.0, 2.0, 2.0, 1.0, 2.0]])
    mask = np.array([[1, 1, 0, 0, 1, 0]], bool)
    hits = []
    for _ in range(4000):
        order = np.lexsort((rng.random(6), -heatmap[0]))
        hits.append(mask[0][order[:3]].mean())
    expected = relevance_rank(heatmap[None], mask[None])
    assert expected == pytest.approx((1 + 2 / 4) / 3)
    assert expected == pytest.approx(np.mean(hits), abs=0.01)


@given(HEATMAPS, PROPER)
def test_rank_measures_do_not_see_a_positive_scale(heatmaps, masks):
    for measure in RANK_MEASURES:
        np.testing.assert_array_equal(
            measure(heatmaps, masks), measure(4 * heatmaps, masks)
        )


@given(HEATMAPS, PROPER)
def test_negation_mirrors_roc_auc(heatmaps, masks):
    np.testing.assert_allclose(
        roc_auc(-heatmaps, masks), 1 - roc_auc(heatmaps, masks), atol=1e-12
    )


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float16, np.float32])
def test_exact_mask_is_perfect(rng, dtype):
    targets = rng.random((4, 9, 7)) < 0.3
    for measure in (*TARGET_MEASURES, pointing_game, relevance_mass):
        scores = measure(targets.astype(dtype), targets)
        assert scores.dtype == np.float64
        np.testing.assert_allclose(scores, 1)
    np.testing.assert_array_equal(pompom(targets.astype(dtype), targets), 0)


def test_constant_heatmap_scores_the_targets_share():
    target = np.zeros((1, 10, 10), bool)
    target[0, :3, :5] = True
    for heatmap in (np.ones((1, 10, 10)), np.full((1, 10, 10), 0.2)):
        assert pointing_game(heatmap, target) == pytest.approx(0.15)
        assert relevance_mass(heatmap, target) == pytest.approx(0.15)
        assert relevance_rank(heatmap, target) == pytest.approx(0.15)
        assert average_precision(heatmap, target) == pytest.approx(0.15)
        assert best_iou(heatmap, target) == pytest.approx(0.15)
        assert roc_auc(heatmap, target) == 0.5
        assert pompom(heatmap, target) == pytest.approx(1, abs=1e-6)


def test_black_heatmap_has_no_mass_on_target():
    target = np.ones((1, 4, 4), bool)
    assert relevance_mass(np.zeros((1, 4, 4)), target) == 0
    assert coverage(np.zeros((1, 4, 4))) == 0


def test_masks_of_0_and_255_count_as_bool(rng):
    heatmaps, masks = rng.random((3, 6, 6)), rng.random((3, 6, 6)) < 0.4
    for measure in MEASURES:
        np.testing.assert_array_equal(
            measure(heatmaps, masks), measure(heatmaps, masks.astype(np.uint8) * 255)
        )


def test_pixel_at_the_threshold_is_out():
    heatmap = np.array([[[0.75, 0.76, 0.1]]])
    target = np.array([[[True, True, False]]])
    assert iou(heatmap, target) == 0.5


@pytest.mark.parametrize(("tolerance", "expected"), [(0, 0), (2, 0), (3, 1), (4, 1)])
def test_pointing_game_forgives_a_miss_within_its_tolerance(tolerance, expected):
    target = np.zeros((1, 11, 11), bool)
    target[0, 5, 2] = True
    heatmap = np.zeros((1, 11, 11))
    heatmap[0, 5, 5] = 1
    assert pointing_game(heatmap, target, tolerance=tolerance) == expected


def test_pointing_game_and_mass_score_0_on_an_empty_target(rng):
    empty = np.zeros((2, 4, 4), bool)
    heatmaps = rng.random((2, 4, 4))
    assert not pointing_game(heatmaps, empty, tolerance=2).any()
    assert not relevance_mass(heatmaps, empty).any()


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_dilation_reaches_exactly_its_radius_along_the_axes(radius):
    masks = np.zeros((2, 15, 15), np.uint8)
    masks[0, 7, 7] = 1
    grown = dilate(masks, radius)
    assert grown.dtype == bool
    assert grown[0, 7].sum() == grown[0, :, 7].sum() == 2 * radius + 1
    assert not grown[1].any()


@pytest.mark.parametrize("measure", MEASURES)
def test_sizes_that_differ_are_an_error(measure):
    with pytest.raises(
        ValueError,
        match=r"_masks`. Expected the heatmaps' shape \(2, 4, 4\). "
        r"Received: shape=\(2, 4, 5\)",
    ):
        measure(np.ones((2, 4, 4)), np.ones((2, 4, 5), bool))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_heatmaps_that_are_not_finite_are_an_error(measure, value):
    heatmaps = np.ones((3, 4, 4))
    heatmaps[1, 2, 3] = value
    with pytest.raises(
        ValueError, match=r"`heatmaps`. Expected finite .* image 1 \(1 of 3 images\)"
    ):
        measure(heatmaps, np.eye(4, dtype=bool)[None].repeat(3, axis=0))


@pytest.mark.parametrize("measure", MEASURES)
def test_heatmaps_with_channels_are_an_error(measure):
    with pytest.raises(ValueError, match=r"Received: shape=\(2, 4, 4, 1\)"):
        measure(np.ones((2, 4, 4, 1)), np.ones((2, 4, 4), bool))


@pytest.mark.parametrize("measure", TARGET_MEASURES)
def test_empty_target_is_an_error(measure):
    targets = np.zeros((3, 4, 4), bool)
    targets[0, 1, 1] = True
    with pytest.raises(ValueError, match="Received: 2 of 3 targets are empty"):
        measure(np.ones((3, 4, 4)), targets)


def test_roc_auc_of_a_target_that_fills_its_image_is_an_error():
    with pytest.raises(ValueError, match="Received: 2 of 2 targets fill their image"):
        roc_auc(np.ones((2, 4, 4)), np.ones((2, 4, 4), bool))
