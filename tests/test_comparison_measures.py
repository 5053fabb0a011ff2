import json
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_comparison import SIZE, build_joint, make_split, peak_memory

from keras_xai.comparison.complexity import complexity_measure
from keras_xai.comparison.faithfulness import (
    Faithfulness,
    faithfulness_measure,
    nearest_level,
)
from keras_xai.comparison.ground_truth import list_labels, localisation_measure
from keras_xai.comparison.heatmaps import (
    open_heatmaps,
    scale_to_peak,
    write_heatmaps,
)
from keras_xai.comparison.leaks import leak_measure
from keras_xai.comparison.measures import NUM_HEATMAPS, Metric
from keras_xai.comparison.pictures import accuracy_curves
from keras_xai.comparison.randomisation import (
    randomisation_measure,
    randomise_classifier,
    randomise_joint,
)
from keras_xai.comparison.samples import Region
from keras_xai.comparison.tables import Method, summarise, write_tables
from keras_xai.evaluation import complexity, localization
from keras_xai.training.config import Stage


@pytest.fixture
def joint(float32):
    return build_joint()


def test_memory_does_not_grow_with_the_number_of_heatmaps_measured(tmp_path):
    mask = np.eye(64, dtype=bool)
    path, num_images = tmp_path / "a.npz", 8 * NUM_HEATMAPS
    images = np.broadcast_to(np.uint8(7), (num_images, 64, 64, 1))
    write_heatmaps(lambda batch: batch[..., 0], images, ["a"] * num_images, path)

    def measure(num_images):
        heatmaps = open_heatmaps(path)[:num_images]
        region = Region(
            np.arange(num_images),
            lambda indices: np.broadcast_to(mask, (len(indices), 64, 64)),
        )
        localisation_measure(region, "Box", "", tolerance=0).compute("", heatmaps)
        complexity_measure().compute("", heatmaps)

    measure(NUM_HEATMAPS)  # what is made once
    few = peak_memory(measure, NUM_HEATMAPS)
    assert peak_memory(measure, num_images) < 1.2 * few


def test_chance_is_what_a_constant_heatmap_scores(rng):
    masks = np.zeros((3, SIZE, SIZE), bool)
    masks[1, :4, :8] = masks[2, :8, :8] = True  # shares of 1/8 and 1/4
    region = Region(np.array([1, 2]), lambda indices: masks[indices])
    measure = localisation_measure(region, "Box", "a box", tolerance=0)
    chance = {metric.name: metric.chance for metric in measure.metrics}
    share = (1 / 8 + 1 / 4) / 2
    for name in ("mass", "rank", "pointing", "iou", "best_iou", "average_precision"):
        assert chance[f"{name}_box"] == pytest.approx(share)
    assert chance["roc_auc_box"] == 0.5
    perfect = measure.compute("", masks.astype(np.float32))
    assert list(perfect) == [metric.name for metric in measure.metrics]
    for metric in measure.metrics:
        best = 1.0 if metric.higher_is_better else 0.0
        np.testing.assert_array_equal(perfect[metric.name], [best, best])
    assert list_labels("Box", tolerance=0) == [m.label for m in measure.metrics]


def test_no_measure_of_ground_truth_depends_on_a_heatmaps_unit(rng):
    masks = np.zeros((3, SIZE, SIZE), bool)
    masks[:, 2:7, 3:9] = True
    region = Region(np.arange(3), lambda indices: masks[indices])
    measure = localisation_measure(region, "Box", "a box", tolerance=1)
    heatmaps = rng.normal(size=(3, SIZE, SIZE))
    expected = measure.compute("", heatmaps)
    for unit in (1e-9, 1e9):
        values = measure.compute("", heatmaps * unit)
        for name, numbers in expected.items():
            np.testing.assert_allclose(values[name], numbers, err_msg=name)


def test_measures_take_heatmaps_in_parts(rng):
    num_images = 2 * NUM_HEATMAPS + 3
    heatmaps = rng.random((num_images, 6, 6))
    masks = rng.random((num_images, 6, 6)) > 0.5
    region = Region(np.arange(num_images)[::2], lambda indices: masks[indices])
    values = localisation_measure(region, "Box", "", tolerance=1).compute("", heatmaps)
    shown, targets = heatmaps[region.images], masks[region.images]
    scaled = scale_to_peak(shown)
    for name, expected in (
        ("mass", localization.relevance_mass(shown, targets)),
        ("rank", localization.relevance_rank(shown, targets)),
        ("pointing", localization.pointing_game(shown, targets)),
        ("iou", localization.iou(scaled, targets)),
        ("best_iou", localization.best_iou(shown, targets)),
        ("roc_auc", localization.roc_auc(shown, targets)),
        ("average_precision", localization.average_precision(shown, targets)),
        ("pompom", localization.pompom(scaled, targets)),
    ):
        np.testing.assert_array_equal(values[f"{name}_box"], expected, err_msg=name)
    values = complexity_measure().compute("", heatmaps)
    np.testing.assert_array_equal(values["gini"], complexity.gini(heatmaps))


def test_faithfulness_of_a_classifier_that_looks_at_one_patch(rng):
    def predict(images):
        seen = images[:, :4, :4].mean(axis=(1, 2, 3))
        return np.stack([1 - seen, seen], axis=-1)

    split = make_split(4, rng)
    split.images[:] = 255
    options = Faithfulness(3, (4,), ("black",), num_steps=16)
    curves = {}
    measure = faithfulness_measure(
        predict,
        split,
        np.ones(4, int),
        options,
        batch_size=5,
        seed=0,
        keep_curves=curves.__setitem__,
    )
    right = np.zeros((4, SIZE, SIZE))
    right[:, :4, :4] = 1
    values = measure.compute("right", right)
    assert [metric.name for metric in measure.metrics] == list(values)
    np.testing.assert_array_equal(curves["right"]["morf_p4_black"][0], [1] + 16 * [0])
    np.testing.assert_array_equal(curves["right"]["lerf_p4_black"][0], 16 * [1] + [0])
    assert set(curves["right"]) == {
        "morf_p4_black",
        "lerf_p4_black",
        "deletion_black",
        "insertion_black",
    }
    # After the first of 16 patches, nothing is left of the class: 16 of 17 points.
    np.testing.assert_allclose(values["aopc_p4_black"], [16 / 17] * 3)
    np.testing.assert_allclose(values["lerf_p4_black"], [1 / 17] * 3)
    np.testing.assert_allclose(values["abpc_p4_black"], [15 / 17] * 3)
    np.testing.assert_allclose(values["deletion_black"], [1 / 32] * 3, atol=1e-6)
    np.testing.assert_allclose(values["insertion_black"], [31 / 32] * 3, atol=1e-6)
    wrong = measure.compute("", -right)
    np.testing.assert_allclose(wrong["aopc_p4_black"], values["lerf_p4_black"])


@pytest.mark.parametrize(
    ("value", "name"), [(255, "white"), (0, "black"), (120, "grey"), (40, "black")]
)
def test_nearest_level_is_the_background(value, name, rng):
    images = np.full((2, 8, 8, 3), value, np.uint8)
    images[:, :2] = rng.integers(0, 256, (2, 2, 8, 3))
    assert nearest_level(images) == name


def test_random_classifier_leaves_the_explainers_mask_as_it_is(joint, rng):
    images = make_split(3, rng).images
    before = joint.predict(images, verbose=0)
    after = randomise_joint(joint, seed=1).predict(images, verbose=0)
    np.testing.assert_allclose(after["mask"], before["mask"], atol=1e-6)
    assert np.abs(after["probs"] - before["probs"]).max() > 1e-3
    measure = randomisation_measure(lambda name: after["mask"][..., 0], 3)
    values = measure.compute("joint", before["mask"][..., 0])
    np.testing.assert_allclose(values["randomised_ssim"], 1, atol=1e-5)


def test_random_classifier_has_other_weights_by_the_seed(joint):
    classifier = joint.get_layer("classifier")
    first, again, other = (
        randomise_classifier(classifier, seed).get_weights()[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and (first != classifier.get_weights()[0]).any()


def test_random_classifier_is_not_where_the_training_began():
    """Not even of the seed that a user has set, nor of an initializer with its own."""
    fixed = keras.initializers.GlorotUniform(seed=3)
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, kernel_initializer=fixed)(image)
    x = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(x))
    model = keras.Model(image, x)
    random = randomise_classifier(model, seed=0)
    for i in (0, 2):  # the kernels
        assert (random.get_weights()[i] != model.get_weights()[i]).any()


def test_randomisation_compares_absolute_values_of_the_first_images(rng):
    before = rng.normal(size=(5, SIZE, SIZE))
    after = {
        "same": -before[:2],
        "turned round": 9 - np.abs(before[:2]),
        "other": rng.normal(size=(2, SIZE, SIZE)),
        "failed": None,
    }
    measure = randomisation_measure(after.get, 2)
    np.testing.assert_allclose(measure.compute("same", before)["randomised_rank"], 1)
    values = measure.compute("turned round", before)
    np.testing.assert_allclose(values["randomised_rank"], 1)
    assert measure.compute("other", before)["randomised_rank"].max() < 0.3
    assert measure.compute("failed", before) == {}


def test_leak_tells_a_label_in_the_masks_shape_from_one_in_the_image(rng):
    def predict(images):  # looks for ink, black on white, in the upper half
        ink = (1 - images[:, : SIZE // 2]).mean(axis=(1, 2, 3)) > 0.2
        return np.stack([~ink, ink], axis=-1).astype(float)

    num_images = NUM_HEATMAPS + 6  # of which two thirds have no ink
    labels = np.arange(num_images) % 3 == 1
    split = make_split(num_images, rng, labels)
    split.images[:] = 255
    split.images[split.labels == 1, : SIZE // 2] = 0
    measure = leak_measure(predict, split, fill_value=1.0, batch_size=4, seed=0)
    right = np.full((num_images, SIZE, SIZE), 1e-9)
    right[:, 0] = 2e-9  # 13 of these 16 pixels are 5 % of all, and too little ink
    values = measure.compute("", right)
    assert list(values) == [metric.name for metric in measure.metrics]
    found = values["evalx_balanced_accuracy"]
    np.testing.assert_array_equal(found > 0, split.labels == 0)
    assert found.mean() == pytest.approx(0.5) == measure.metrics[0].chance
    np.testing.assert_allclose(values["mask_size"], 1 / SIZE)
    coded = np.zeros((num_images, SIZE, SIZE))
    coded[split.labels == 1, :4] = coded[split.labels == 0, -4:] = 0.01
    values = measure.compute("", coded)
    found = values["mask_alone_balanced_accuracy"]
    assert (found > 0).all() and found.mean() == pytest.approx(1)
    np.testing.assert_array_equal(values["mask_size"], 4 / SIZE)
    assert "right on 1.000 of the whole images" in measure.metrics[0].fact


# Tables

METRICS = [
    Metric("up", "Up", "faithfulness", True, "More."),
    Metric("down", "Down", "sanity", False, "Less.", chance=0.5),
    Metric("told", "Told", "sanity", None, "As it is."),
]


def test_ranks_share_ties_and_leave_descriptions_alone():
    values = {
        "a": {"up": np.array([1.0, 3.0]), "down": np.array([0.1]), "told": np.ones(1)},
        "b": {"up": np.array([2.0, 2.0]), "down": np.array([0.3])},
        "c": {"up": np.array([0.0, 0.0]), "down": np.array([0.2])},
        "failed": {},
    }
    summary = summarise(values, METRICS)
    assert {m: v["up"]["rank"] for m, v in summary.items() if v} == {
        "a": 1,
        "b": 1,
        "c": 3,
    }
    assert {m: v["down"]["rank"] for m, v in summary.items() if v} == {
        "a": 1,
        "b": 3,
        "c": 2,
    }
    assert summary["a"]["up"] == {
        "mean": 2,
        "sd": pytest.approx(2**0.5),
        "n": 2,
        "rank": 1,
    }
    assert summary["a"]["told"] == {"mean": 1, "sd": None, "n": 1, "rank": None}
    assert "told" not in summary["b"] and summary["failed"] == {}


def test_ranks_are_not_decided_by_rounding():
    values = {
        "a": {"up": np.array([0.50001]), "down": np.array([4e-7])},
        "b": {"up": np.array([0.5]), "down": np.array([-2e-6])},
        "c": {"up": np.array([0.502]), "down": np.array([0.0])},
    }
    summary = summarise(values, METRICS)
    assert [summary[m]["up"]["rank"] for m in "abc"] == [2, 2, 1]
    assert [summary[m]["down"]["rank"] for m in "abc"] == [1, 1, 1]


def test_tables_hold_failed_methods_as_rows_that_say_why(tmp_path):
    methods = [
        Method("a", "analyzer", True, True, 0.5),
        Method("b", "baseline", False, False, None, "It took, well, too long."),
    ]
    write_tables(
        tmp_path, methods, METRICS, {"a": {"up": np.ones(3)}, "b": {}}, {"k": 1}
    )
    wide = (tmp_path / "table.csv").read_text().splitlines()
    assert len(wide) == 3 and wide[2].startswith(
        'b,baseline,False,False,,"It took, well'
    )
    long = (tmp_path / "metrics.csv").read_text().splitlines()
    assert long == [
        "method,metric,mean,sd,n,rank,failure",
        "a,up,1,0,3,1,",
        "a,down,,,0,,",
        "a,told,,,0,,",
        *(
            f'b,{name},,,0,,"It took, well, too long."'
            for name in ("up", "down", "told")
        ),
    ]
    found = json.loads((tmp_path / "comparison.json").read_text())
    assert found["k"] == 1 and found["values"]["b"] == {}
    assert sorted(p.name for p in Path(tmp_path).iterdir()) == [
        "comparison.json",
        "metrics.csv",
        "table.csv",
    ]


def test_accuracy_is_parted_by_the_explainer():
    stages = (
        Stage("classifier", ("classifier",)),
        Stage("explainer", ("explainer",)),
        Stage("joint", ("explainer", "classifier")),
    )
    names = ["classifier"] * 2 + ["explainer"] + ["joint"] * 2
    log = [{"stage": n, "val_accuracy": i / 10} for i, n in enumerate(names)]
    curves = accuracy_curves(log, stages)
    assert curves["without the explainer"] == [0, 0.1]
    with_it = curves["then with the explainer"]
    assert np.isnan(with_it[:2]).all() and with_it[2:] == [0.2, 0.3, 0.4]
