from math import ceil

import numpy as np
import pytest

from keras_xai.evaluation.leak import (
    apply_masks,
    binarise,
    draw_block_masks,
    keep_top,
    masked_accuracy,
)


def test_binarise_is_strict():
    np.testing.assert_array_equal(
        binarise(np.array([[[0.75, 0.7500001, -1, 1]]])), [[[False, True, False, True]]]
    )
    with pytest.raises(ValueError, match="`heatmaps`. Expected finite values"):
        binarise(np.full((1, 2, 2), np.nan))


def test_as_many_pixels_are_kept_of_every_heatmap(rng):
    heatmaps = np.array(
        [
            [[9, 8, 7, 6], [5, 4, 3, 2]],
            [[0, 1e-9, 0, 3e-9], [2e-9, 0, 0, 0]],  # its unit does not count
            [[-1, -2, -3, 0], [0, 0, 5, 0]],  # nothing else speaks for it
            [[1, 1, 1, 1], [1, 1, 1, 1]],
        ]
    )
    kept = keep_top(heatmaps, rng, share=0.25)
    assert kept.dtype == bool and kept.shape == heatmaps.shape
    np.testing.assert_array_equal(np.flatnonzero(kept[0]), [0, 1])
    np.testing.assert_array_equal(np.flatnonzero(kept[1]), [3, 4])
    np.testing.assert_array_equal(np.flatnonzero(kept[2]), [6])
    assert kept[3].sum() == 2
    ties = [keep_top(heatmaps[3:], rng, share=0.25) for _ in range(200)]
    assert np.mean(ties, axis=0).min() > 0.1
    assert keep_top(heatmaps[:1], rng, share=1e-9).sum() == 1
    for share in (0, 1.1):
        with pytest.raises(ValueError, match=f"`share`.*share={share}"):
            keep_top(heatmaps, rng, share=share)


def test_masks_keep_what_is_under_them(rng):
    images = rng.random((3, 4, 5, 2)).astype(np.float32)
    masks = rng.random((3, 4, 5)) < 0.5
    masked = apply_masks(images, masks, fill_value=0.25)
    assert masked.dtype == np.float32
    np.testing.assert_array_equal(masked[masks], images[masks])
    assert (masked[~masks] == 0.25).all()
    with pytest.raises(ValueError, match=r"`masks`.*\(3, 4, 5\).*\(2, 4, 5\)"):
        apply_masks(images, masks[:2])


def test_leak_is_told_from_evidence():
    """Bright images are class 1; the second method codes the class in a corner."""
    images = np.zeros((6, 4, 4, 1))
    labels = np.array([0, 1, 0, 1, 1, 0])
    images[labels == 1, 1:3, 1:3] = 1
    evidence = np.zeros((6, 4, 4), bool)
    evidence[:, 1:3, 1:3] = True
    leak = np.zeros((6, 4, 4), bool)
    leak[labels == 1, 0, 0] = True

    def predict(masked):
        lit = masked.max(axis=(1, 2, 3))
        return np.stack([1 - lit, lit], axis=1)

    shown = masked_accuracy(predict, images, labels, evidence)
    assert shown.dtype == np.float64
    np.testing.assert_array_equal(shown, 1)
    hidden = masked_accuracy(predict, images, labels, leak)
    np.testing.assert_array_equal(hidden, labels == 0)
    alone = masked_accuracy(predict, np.ones_like(images), labels, leak)
    np.testing.assert_array_equal(alone, 1)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_masked_accuracy_calls_with_bounded_batches(rng, batch_size):
    sizes = []

    def predict(masked):
        sizes.append(len(masked))
        return np.eye(2)[np.ones(len(masked), int)]

    scores = masked_accuracy(
        predict,
        rng.random((7, 4, 4, 1)),
        np.array([0, 1, 1, 0, 1, 0, 0]),
        np.ones((7, 4, 4), bool),
        batch_size=batch_size,
    )
    np.testing.assert_array_equal(scores, [0, 1, 1, 0, 1, 0, 0])
    assert len(sizes) == ceil(7 / batch_size)
    assert max(sizes) <= batch_size


def test_masked_accuracy_refuses_what_does_not_fit():
    images, labels = np.ones((2, 4, 4, 1)), np.array([0, 1])
    masks = np.ones((2, 4, 4), bool)
    with pytest.raises(ValueError, match="`images`. Expected shape"):
        masked_accuracy(np.ones, images, labels, masks[:, :3])
    with pytest.raises(ValueError, match=r"`labels`. Expected shape \(2,\)"):
        masked_accuracy(np.ones, images, labels[:1], masks)
    with pytest.raises(ValueError, match="`predict`. Expected the probabilities"):
        masked_accuracy(lambda batch: np.ones((len(batch), 1)), images, labels, masks)


@pytest.mark.parametrize("block_size", [1, 3, 8])
def test_blocks_are_whole_and_of_every_coverage(block_size, rng):
    masks = draw_block_masks(500, 10, 13, rng, block_size=block_size)
    assert masks.shape == (500, 10, 13)
    assert masks.dtype == bool
    corners = masks[:, ::block_size, ::block_size]
    spread = corners.repeat(block_size, axis=1).repeat(block_size, axis=2)
    np.testing.assert_array_equal(masks, spread[:, :10, :13])
    coverage = masks.mean(axis=(1, 2))
    assert coverage.mean() == pytest.approx(0.5, abs=0.06)
    assert (coverage < 0.1).any()
    assert (coverage > 0.9).any()


def test_drawing_is_a_function_of_the_seed():
    first, again, other = (
        draw_block_masks(20, 9, 12, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_drawing_nothing_is_an_error(rng):
    with pytest.raises(ValueError, match="`block_size`. Expected at least 1"):
        draw_block_masks(1, 4, 4, rng, block_size=0)
