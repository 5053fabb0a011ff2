import math

import numpy as np
import pytest

from keras_xai.errors import InputError
from keras_xai.report import curves, formats, pictures
from keras_xai.report.curves import PLOT, lay_out_charts, lay_out_stages
from keras_xai.report.explanations import Prediction, choose
from keras_xai.report.files import find_items, read_heatmaps, read_items
from keras_xai.report.pictures import Heatmap, encode_heatmaps, quantize

BOTTOM = PLOT.y + PLOT.height


def log_of(key, *values):
    return [
        {"stage": "joint", "epoch": i + 1} | ({} if v is None else {key: v})
        for i, v in enumerate(values)
    ]


def x_of(epoch, num_epochs):
    return PLOT.x + PLOT.width * (epoch - 0.5) / num_epochs


def test_share_axis_goes_from_0_to_1_whatever_the_values():
    [chart] = lay_out_charts({"run": log_of("val_pointing_game", 0.0, 0.25)})
    assert chart.ticks[0] == (BOTTOM, "0%")
    assert chart.ticks[-1] == (PLOT.y, "100%")
    [line] = chart.lines
    y = PLOT.y + 0.75 * PLOT.height
    assert line.path == (f"M{x_of(1, 2):.1f},{BOTTOM:.1f} {x_of(2, 2):.1f},{y:.1f}")
    assert line.values == ["0.0%", "25.0%"]


def test_line_is_interrupted_where_a_value_is_missing():
    [chart] = lay_out_charts({"run": log_of("val_coverage", 1.0, None, 0.0)})
    [line] = chart.lines
    assert line.path == (
        f"M{x_of(1, 3):.1f},{PLOT.y:.1f} h0 M{x_of(3, 3):.1f},{BOTTOM:.1f} h0"
    )
    assert line.values == ["100.0%", None, "0.0%"]


@pytest.mark.parametrize(
    ("largest", "top"),
    [(0.0, "1"), (0.03, "0.04"), (1.0, "1"), (1.1, "2"), (7, "8"), (81, "100")],
)
def test_loss_axis_ends_at_a_round_number(largest, top):
    [chart] = lay_out_charts({"run": log_of("mask_loss", 0.0, largest)})
    assert chart.ticks[0] == (BOTTOM, "0")
    assert chart.ticks[-1] == (PLOT.y, top)


def test_stages_share_the_axis_by_their_epochs():
    log = [{"stage": s} for s in ("classifier", "explainer", "explainer", "joint")]
    spans = lay_out_stages(log)
    assert [span.name for span in spans] == ["classifier", "explainer", "joint"]
    assert [span.last_epoch for span in spans] == [1, 3, 4]
    quarter = PLOT.width / 4
    assert [span.width for span in spans] == [quarter, 2 * quarter, quarter]
    assert spans[2].x == PLOT.x + 3 * quarter


def test_long_stage_name_is_left_out():
    assert curves.StageSpan("joint", 0, 40, 1).is_name_short
    assert not curves.StageSpan("a very long name", 0, 40, 1).is_name_short


def test_runs_have_a_line_each_on_the_axis_of_the_longest():
    logs = {
        "seed 0": log_of("val_accuracy", 1.0, 0.5),
        "seed 1": log_of("val_accuracy", 0.0),
    }
    for log in logs.values():
        log[0] |= {"accuracy": 0.9, "majority_rate": 0.25}
    [chart] = lay_out_charts(logs)
    assert chart.title == "Accuracy: validation"
    assert [(line.label, line.style) for line in chart.lines] == [
        ("seed 0", "run-0 dash-0"),
        ("seed 1", "run-1 dash-0"),
        ("majority rate", "reference"),
    ]
    assert chart.lines[1].path == f"M{x_of(1, 2):.1f},{BOTTOM:.1f} h0"


def test_no_two_of_fifteen_runs_look_alike():
    logs = {f"seed {i}": log_of("val_accuracy", 0.5) for i in range(15)}
    [chart] = lay_out_charts(logs)
    assert len({line.style for line in chart.lines}) == 15


def edges_of(num_levels):
    """All thresholds between levels, and the next number above each."""
    thresholds = np.arange(1, num_levels) / num_levels
    return thresholds, np.nextafter(thresholds, 1)


@pytest.mark.parametrize("num_levels", [256, 16])
def test_quantized_mask_keeps_every_threshold(rng, num_levels):
    thresholds, above = edges_of(num_levels)
    mask = np.concatenate([[0, 1], thresholds, above, rng.uniform(size=1000)])
    codes, step = quantize(mask, num_levels), 256 // num_levels
    assert (codes.min(), codes.max()) == (0, 256 - step)
    for k, threshold in enumerate(thresholds, start=1):
        np.testing.assert_array_equal(codes >= k * step, mask > threshold)


@pytest.mark.parametrize("num_levels", [256, 16])
def test_quantized_signed_heatmap_keeps_every_threshold(rng, num_levels):
    thresholds, above = edges_of(num_levels // 2)
    parts = [[-1, 0, 1], thresholds, above, rng.uniform(-1, 1, size=1000)]
    heatmap = np.concatenate(parts)
    step = 256 // num_levels
    codes = quantize(heatmap, num_levels, is_signed=True)
    assert (codes.min(), codes.max()) == (0, 256 - step)
    for k, threshold in enumerate(thresholds, start=1):
        np.testing.assert_array_equal(codes >= 128 + k * step, heatmap > threshold)
    middle = (codes.astype(float) + step / 2 - 128) / 128
    assert np.abs(middle - heatmap).max() <= step / 256 + 1e-9


def test_heatmaps_are_rounded_until_they_fit(rng):
    noise = [Heatmap(rng.normal(size=(32, 32)), True) for _ in range(3)]
    fine = encode_heatmaps(noise)
    size = sum(len(picture.uri) for picture in fine)
    assert {picture.step for picture in fine} == {1}
    coarse = encode_heatmaps(noise, max_length=size - 1)
    assert len(coarse) == 3
    assert len({picture.step for picture in coarse}) == 1
    assert coarse[0].step > 1
    assert sum(len(picture.uri) for picture in coarse) < size
    assert {picture.step for picture in encode_heatmaps(noise, max_length=1)} == {16}


def test_a_heatmap_is_divided_by_its_largest_absolute_value_or_its_scale():
    values = np.array([[-4.0, 1.0]])
    [own, given] = encode_heatmaps([Heatmap(values, True), Heatmap(values, True, 8.0)])
    assert (own.scale, own.lowest, own.highest) == (4.0, -1.0, 0.25)
    assert (given.scale, given.lowest, given.highest) == (8.0, -0.5, 0.125)
    [black] = encode_heatmaps([Heatmap(np.zeros((1, 2)), False)])
    assert (black.lowest, black.highest) == (0.0, 0.0)


def predictions_of(num_wrong, num_positives, num_negatives):
    labels = [(1, 0)] * num_wrong + [(1, 1)] * num_positives + [(0, 0)] * num_negatives
    return [
        Prediction(f"{i}.png", label, 0.9, truth)
        for i, (label, truth) in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("available", "num_examples", "chosen"),
    [
        ((9, 9, 9), 12, (4, 4, 4)),
        ((0, 9, 9), 12, (0, 6, 6)),
        ((1, 9, 9), 12, (1, 6, 5)),
        ((9, 0, 9), 12, (4, 0, 8)),
        ((9, 9, 1), 12, (4, 7, 1)),
        ((1, 1, 1), 12, (1, 1, 1)),
        ((9, 9, 9), 1, (1, 0, 0)),
    ],
)
def test_examples_are_shared_between_the_groups(available, num_examples, chosen):
    groups = choose(predictions_of(*available), 2, num_examples)
    assert list(groups) == ["misclassified", "positives", "negatives"]
    assert tuple(map(len, groups.values())) == chosen


def test_examples_are_spread_over_the_list():
    groups = choose(predictions_of(2, 5, 5), 2, 6)
    names = [p.filename for members in groups.values() for p in members]
    assert names == ["0.png", "1.png", "2.png", "4.png", "7.png", "9.png"]


def test_of_more_classes_examples_are_spread():
    right = [Prediction(f"{i}.png", i // 4, 0.9, i // 4) for i in range(23)]
    wrong = [Prediction(f"{i}.png", i % 2, 0.9, 2) for i in range(6)]
    groups = choose([*right, *wrong], 6, 12)
    assert [p.filename[0] for p in groups["misclassified"]] == list("0134")
    labels = [p.label for p in groups["right"]]
    assert len(labels) == 8 and set(labels) == set(range(6))
    assert choose([*right, *wrong], 6, 1)["right"] == []
    assert len(choose(right, 6, 12)["right"]) == 12


def test_heatmaps_are_read_by_name(tmp_path, rng):
    masks = rng.uniform(size=(5, 3, 4)).astype(np.float32)
    path = tmp_path / "masks.npz"
    np.savez(path, mask=masks, filename=np.array(list("abcde")))
    indices = find_items(path, ["d", "a"], "explain")
    read = read_heatmaps(path, "mask", indices, "explain")
    np.testing.assert_array_equal(read, masks[[3, 0]])


@pytest.mark.parametrize(
    ("array", "index", "message"),
    [
        (np.zeros((2, 3, 4)), 2, "mask has 2 items"),
        (np.zeros((2, 3)), 0, "expected floats"),
        (np.zeros((2, 3, 4), int), 0, "mask is int64 of shape"),
        (np.full((2, 3, 4), np.nan), 0, "not finite"),
        (np.array(1.0), 0, "no plain array"),
        (np.asfortranarray(np.zeros((2, 3, 4))), 0, "no plain array"),
    ],
)
def test_heatmaps_that_cannot_be_shown_are_named(tmp_path, array, index, message):
    path = tmp_path / "masks.npz"
    np.savez(path, mask=array)
    with pytest.raises(InputError, match=f"masks.npz .*{message}"):
        read_heatmaps(path, "mask", [index], "explain")


def test_a_missing_array_is_named(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, image=np.zeros(3))
    with pytest.raises(InputError, match="arrays.npz is broken: .*other"):
        read_items(path, "other", [0], "decode")


def test_photograph_is_embedded_as_jpeg(rng):
    size = math.isqrt(pictures.MAX_PNG_LENGTH // 3)
    noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    assert pictures.encode_image(noise).startswith("data:image/jpeg;base64,")
    flat = np.zeros((size, size, 1), np.uint8)
    assert pictures.encode_image(flat).startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0%"),
        (0.936, "93.6%"),
        (0.001, "0.10%"),
        (0.000234, "0.023%"),
        (1, "100.0%"),
    ],
)
def test_share_is_a_percentage(value, text):
    assert formats.format_share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (0.12345, "0.123"),
        (-0.5, "−0.500"),
        (0.0001, "<0.001"),
        (-0.0001, "≈0"),
        (12.345, "12.35"),
        (12345.6, "12346"),
    ],
)
def test_value_has_as_many_digits_as_it_needs(value, text):
    assert formats.format_value(value) == text


def test_spread_has_the_digits_of_its_mean():
    assert formats.format_value(0.5, like=12.3) == "0.50"
    assert formats.format_mean(12.3, 0.5).split() == ["12.30", "±", "0.50"]
    assert formats.format_shares(0.936, 0.02).split() == ["93.6", "±", "2.0%"]


def test_ranks_in_words():
    ranks = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111]
    assert [formats.format_ordinal(rank) for rank in ranks] == (
        "1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 111th".split()
    )
