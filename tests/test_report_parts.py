import math

import numpy as np
import pytest

from keras_xai.report import curves, examples
from keras_xai.report.curves import PLOT, lay_out_charts, lay_out_stages
from keras_xai.report.inputs import Prediction, read_masks

BOTTOM = PLOT.y + PLOT.height


def log_of(key, *values):
    return [
        {"stage": "joint", "epoch": i + 1} | ({} if v is None else {key: v})
        for i, v in enumerate(values)
    ]


def x_of(epoch, num_epochs):
    return PLOT.x + PLOT.width * (epoch - 0.5) / num_epochs


def test_share_axis_goes_from_0_to_1_whatever_the_values():
    [chart] = lay_out_charts(log_of("val_coverage", 0.0, 0.25))
    assert chart.ticks[0] == (BOTTOM, "0%")
    assert chart.ticks[-1] == (PLOT.y, "100%")
    [line] = chart.lines
    y = PLOT.y + 0.75 * PLOT.height
    assert line.path == (f"M{x_of(1, 2):.1f},{BOTTOM:.1f} {x_of(2, 2):.1f},{y:.1f}")
    assert line.values == ["0.0%", "25.0%"]


def test_line_is_interrupted_where_a_value_is_missing():
    [chart] = lay_out_charts(log_of("val_coverage", 1.0, None, 0.0))
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
    [chart] = lay_out_charts(log_of("mask_loss", 0.0, largest))
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


def test_quantized_mask_keeps_every_threshold(rng):
    thresholds = np.arange(1, 256, dtype=np.float32) / 256
    mask = np.concatenate(
        [
            [0, 1],
            thresholds,
            np.nextafter(thresholds, np.float32(1)),
            rng.uniform(size=1000),
        ]
    ).astype(np.float32)
    levels = examples.quantize(mask)
    assert (levels.min(), levels.max()) == (0, 255)
    for k, threshold in enumerate(thresholds, start=1):
        np.testing.assert_array_equal(levels >= k, mask > threshold)


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
    groups = examples.choose(predictions_of(*available), num_examples)
    assert list(groups) == ["misclassified", "positives", "negatives"]
    assert tuple(map(len, groups.values())) == chosen


def test_examples_are_the_first_of_the_list():
    groups = examples.choose(predictions_of(2, 5, 5), 6)
    names = [p.filename for members in groups.values() for p in members]
    assert names == ["0.png", "1.png", "2.png", "3.png", "7.png", "8.png"]


def test_masks_are_read_by_name(tmp_path, rng):
    masks = rng.uniform(size=(5, 3, 4)).astype(np.float32)
    names = np.array(list("abcde"))
    np.savez(tmp_path / "masks.npz", mask=masks, filename=names)
    np.testing.assert_array_equal(read_masks(tmp_path, ["d", "a"]), masks[[3, 0]])


def test_large_photograph_is_embedded_as_jpeg(tmp_path, rng):
    size = math.isqrt(examples.MAX_PNG_LENGTH // 3)
    folder = tmp_path / "JPEGImages"
    folder.mkdir()
    noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    examples.Image.fromarray(noise).save(folder / "a.png")
    mask = np.zeros((1, size, size), np.float32)
    np.savez(tmp_path / "masks.npz", mask=mask, filename=np.array(["a.png"]))
    prediction = Prediction("a.png", 1, 0.9, 1)
    [example] = examples.encode([prediction], tmp_path, tmp_path)
    assert example.image.startswith("data:image/jpeg;base64,")
    assert example.mask.startswith("data:image/png;base64,")
