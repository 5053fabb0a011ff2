import dataclasses
import json

import keras
import numpy as np
import pytest

from keras_xai.datasets.batches import (
    draw_batches,
    draw_symmetries,
    training_batches,
    turn,
)
from keras_xai.datasets.voc import read_voc
from keras_xai.errors import InputError
from keras_xai.models.masking import insert_mask
from keras_xai.training import runs
from keras_xai.training.config import (
    JointConfig,
    Stage,
    changes_from_default,
    config_from_dict,
    config_to_dict,
    scale_l1,
    with_l1,
    with_mask_losses,
)
from keras_xai.training.joint import build_from_config, train_joint
from keras_xai.training.stages import copy_features
from keras_xai.training.validation import TARGET_MARGIN, ValidationRegions

pytestmark = pytest.mark.usefixtures("float32")

SHORT = {"epochs": 2, "steps_per_epoch": 3, "batch_size": 4}
TINY = JointConfig(
    stages=(
        Stage("classifier", ("classifier",), **SHORT),
        Stage("explainer", ("explainer",), **SHORT, l1=1e-4),
        Stage("joint", ("explainer", "classifier"), **SHORT, l1=1e-4),
    ),
    scale=-1 / 255,
    offset=1.0,
    explainer_filters=(4, 8),
    classifier_filters=(4, 8),
    dense_units=(8, 8),
)


@pytest.fixture(scope="module")
def splits(polygons):
    return read_voc(polygons, "train"), read_voc(polygons, "val")


def train(splits, run_dir, **options):
    options = {"seed": 1, "precision": "float32"} | options
    config = options.pop("config", TINY)
    return train_joint(config, *splits, run_dir, **options)


class KilledError(Exception):
    pass


def kill_after(num_rows):
    rows = []

    def report(row):
        rows.append(row)
        if len(rows) == num_rows:
            raise KilledError

    return report


@pytest.fixture(scope="module")
def unbroken(splits, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("unbroken") / "run"
    model = train(splits, run_dir)
    return run_dir, [np.array(w) for w in model.get_weights()]


def test_run_folder_holds_everything(unbroken):
    run_dir, _ = unbroken
    assert {path.name for path in run_dir.iterdir()} == {
        "config.json",
        "environment.json",
        "log.csv",
        "classifier.weights.h5",
        "explainer.weights.h5",
        "joint.weights.h5",
        "model.keras",
    }
    rows = runs.read_log(run_dir)
    assert [(row["stage"], row["epoch"]) for row in rows] == [
        (stage.name, epoch) for stage in TINY.stages for epoch in (1, 2)
    ]
    assert "val_coverage" not in rows[1]
    assert {"val_coverage", "val_pointing_game", "mask_loss"} <= set(rows[2])


@pytest.mark.parametrize("num_epochs", [1, 2, 3, 5, 6])
def test_killed_run_goes_on_to_the_same_numbers(num_epochs, splits, unbroken, tmp_path):
    run_dir = tmp_path / "run"
    with pytest.raises(KilledError):
        train(splits, run_dir, report=kill_after(num_epochs))
    model = train(splits, run_dir)
    expected_dir, expected_weights = unbroken
    assert (run_dir / "log.csv").read_text() == (expected_dir / "log.csv").read_text()
    for weight, expected in zip(model.get_weights(), expected_weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_kill_between_log_and_state_repeats_the_epoch(
    splits, unbroken, tmp_path, monkeypatch
):
    def die(*_):
        raise KilledError

    run_dir = tmp_path / "run"
    with pytest.raises(KilledError):
        train(splits, run_dir, report=kill_after(2))
    with monkeypatch.context() as patch:
        patch.setattr(runs, "save_state", die)
        with pytest.raises(KilledError):
            train(splits, run_dir)
    assert len(runs.read_log(run_dir)) == 3
    train(splits, run_dir)
    assert (run_dir / "log.csv").read_text() == (unbroken[0] / "log.csv").read_text()


def test_shared_first_stage_gives_the_same_numbers(splits, unbroken, tmp_path):
    first = dataclasses.replace(TINY, stages=TINY.stages[:1])
    train(splits, tmp_path / "first", config=first)
    train(splits, tmp_path / "run", start_from=tmp_path / "first")
    for stage in TINY.stages:
        assert (tmp_path / "run" / f"{stage.name}.weights.h5").exists()
    assert (tmp_path / "run/log.csv").read_text() == (
        unbroken[0] / "log.csv"
    ).read_text()


def test_warm_start_copies_the_classifiers_features(splits):
    model = build_from_config(TINY, splits[0].image_shape, 2)
    explainer, classifier = model.get_layer("explainer"), model.get_layer("classifier")
    copy_features(classifier, explainer)
    for name in ("conv1", "conv2"):
        for stage in (1, 2):
            for ours, source in zip(
                explainer.get_layer(f"down{stage}_{name}").get_weights(),
                classifier.get_layer(f"block{stage}_{name}").get_weights(),
                strict=True,
            ):
                np.testing.assert_array_equal(ours, source)


def test_finished_run_is_not_trained_again(splits, unbroken):
    run_dir, weights = unbroken
    model = train(splits, run_dir, report=kill_after(1))
    for weight, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_other_seed_gives_other_numbers(splits, unbroken, tmp_path):
    train(splits, tmp_path / "run", seed=2)
    ours, other = (runs.read_log(d) for d in (unbroken[0], tmp_path / "run"))
    assert ours[0]["loss"] != other[0]["loss"]


def test_each_stage_moves_its_parts_and_no_other(splits, unbroken):
    run_dir, _ = unbroken
    weights = {}
    keras.utils.set_random_seed(1)
    model = build_from_config(TINY, splits[0].image_shape, 2)
    parts = ("explainer", "classifier")
    for stage in ("start", "classifier", "explainer", "joint"):
        if stage != "start":
            model.load_weights(run_dir / f"{stage}.weights.h5")
        weights[stage] = {
            p: [np.array(w) for w in model.get_layer(p).get_weights()] for p in parts
        }
    for before, after, moved in [
        ("start", "classifier", ("classifier",)),
        ("classifier", "explainer", ("explainer",)),
        ("explainer", "joint", parts),
    ]:
        for part in parts:
            same = [
                np.array_equal(a, b)
                for a, b in zip(
                    weights[before][part], weights[after][part], strict=True
                )
            ]
            if part in moved:
                assert not all(same), (after, part)
            else:
                assert all(same), (after, part)


def test_frozen_batch_norm_keeps_its_statistics(splits, tmp_path):
    stage = dataclasses.replace(TINY.stages[2], trains=("classifier",), name="again")
    config = dataclasses.replace(TINY, stages=(stage,))
    keras.utils.set_random_seed(1)
    start = build_from_config(config, splits[0].image_shape, 2)
    model = train(splits, tmp_path / "run", config=config)
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_array_equal(
            getattr(model.get_layer("explainer").get_layer("mask_norm"), name),
            getattr(start.get_layer("explainer").get_layer("mask_norm"), name),
        )


def test_mask_loss_is_a_sum_or_a_mean(splits, tmp_path):
    """With one batch an epoch the logged mask loss is lambda * sum |z| by hand."""
    stage = dataclasses.replace(
        TINY.stages[1], epochs=1, steps_per_epoch=1, learning_rate=0.0, l1=1e-3
    )
    losses = {}
    for reduction in ("sum", "mean"):
        config = dataclasses.replace(TINY, stages=(stage,), l1_reduction=reduction)
        train(splits, tmp_path / reduction, config=config)
        losses[reduction] = runs.read_log(tmp_path / reduction)[0]["mask_loss"]
    assert losses["sum"] == pytest.approx(4 * 32 * 32 * losses["mean"])
    keras.utils.set_random_seed(1)
    model = build_from_config(TINY, splits[0].image_shape, 2)
    indices = draw_batches(splits[0].num_images, 4, 1, seed=(1, 0, 0))[0]
    mask = np.array(model(splits[0].images[indices], training=True)["mask"])
    assert losses["sum"] == pytest.approx(1e-3 * mask.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("start", "shares"), [(0.0, [0.5, 1, 1, 1]), (4e-4, [2, 1, 1, 1])]
)
def test_l1_price_follows_its_ramp(splits, tmp_path, start, shares):
    stage = dataclasses.replace(
        TINY.stages[1],
        epochs=4,
        learning_rate=0.0,
        l1=1e-4,
        l1_start=start,
        l1_ramp_epochs=2,
    )
    config = dataclasses.replace(TINY, stages=(stage,), init_bias=3.0)
    config = dataclasses.replace(
        config, batch_norm_momentum=None, mask_kernel_initializer="zeros"
    )
    train(splits, tmp_path / "run", config=config)
    costs = [row["mask_loss"] for row in runs.read_log(tmp_path / "run")]
    np.testing.assert_allclose(np.array(costs) / costs[-1], shares, rtol=0.02)


def test_further_losses_on_the_mask_are_weighted_and_logged(splits, tmp_path):
    weights = {"total_variation": 0.5, "outside_boxes": 2.0, "supervised": 0.25}
    stage = dataclasses.replace(
        TINY.stages[2], epochs=1, steps_per_epoch=1, learning_rate=0.0, l1=1e-4
    )
    config = dataclasses.replace(TINY, stages=(stage,))
    train(splits, tmp_path / "run", config=with_mask_losses(config, **weights))
    row = runs.read_log(tmp_path / "run")[0]
    train(splits, tmp_path / "l1", config=config)
    l1 = runs.read_log(tmp_path / "l1")[0]["mask_loss"]
    expected = l1 + sum(weight * row[name] for name, weight in weights.items())
    assert row["mask_loss"] == pytest.approx(expected, rel=1e-4)
    assert min(row[name] for name in weights) > 0


def test_l1_of_the_convolution_before_its_normalisation(splits, tmp_path):
    stage = dataclasses.replace(
        TINY.stages[1], epochs=1, steps_per_epoch=1, learning_rate=0.0, l1=1e-3
    )
    config = dataclasses.replace(TINY, stages=(stage,), l1_of="mask_conv")
    model = train(splits, tmp_path / "run", config=config)
    indices = draw_batches(splits[0].num_images, 4, 1, seed=(1, 0, 0))[0]
    explainer = model.get_layer("explainer")
    linear = keras.Model(explainer.input, explainer.get_layer("mask_conv").output)
    images = model.get_layer("rescaling")(splits[0].images[indices].astype(np.float32))
    expected = 1e-3 * np.abs(linear(images)).sum()
    row = runs.read_log(tmp_path / "run")[0]
    assert row["mask_loss"] == pytest.approx(expected, rel=1e-4)


def test_a_loss_on_annotations_needs_them(splits, tmp_path):
    bare = [split._replace(object_maps=None, target_boxes=None) for split in splits]
    for name in ("outside_boxes", "supervised"):
        with pytest.raises(InputError, match=f"`{name}` in stage 'explainer' needs"):
            train(bare, tmp_path / name, config=with_mask_losses(TINY, **{name: 1.0}))
        assert not (tmp_path / name).exists()


def test_every_pass_draws_every_image_once():
    draws = draw_batches(10, 4, 5, seed=(1, 2)).ravel()
    for start in (0, 10):
        assert sorted(draws[start : start + 10]) == list(range(10))
    assert not np.array_equal(draws[:10], draws[10:])
    np.testing.assert_array_equal(draws, draw_batches(10, 4, 5, seed=(1, 2)).ravel())


def test_batches_hold_the_drawn_images(splits):
    indices = np.array([[3, 1], [0, 2]])
    batches = list(
        training_batches(splits[0], indices, 0 * indices, mask_outputs=("mask",))
    )
    for (images, targets), wanted in zip(batches, indices, strict=True):
        np.testing.assert_array_equal(images, splits[0].images[wanted])
        np.testing.assert_array_equal(targets["probs"], splits[0].labels[wanted])
        expected = splits[0].object_maps[wanted] == 2
        np.testing.assert_array_equal(targets["mask"][..., 0], expected)
        for index, boxes in zip(wanted, targets["mask"][..., 1], strict=True):
            np.testing.assert_array_equal(boxes, splits[0].target_box_map(index))


def test_eight_symmetries_differ_and_keep_image_and_mask_together(splits):
    split = splits[0]
    indices = np.zeros((1, 8), np.int64)
    symmetries = np.arange(8)[None]
    (images, targets), *_ = training_batches(
        split, indices, symmetries, mask_outputs=("mask",)
    )
    assert len({np.array(image).tobytes() for image in images}) == 8
    is_target = split.object_maps[0] == 2
    for k in range(8):
        np.testing.assert_array_equal(images[k], turn(split.images[0], k))
        np.testing.assert_array_equal(targets["mask"][k, ..., 0], turn(is_target, k))


@pytest.mark.parametrize(
    "square, expected", [(True, set(range(8))), (False, {0, 2, 4, 6})]
)
def test_oblong_images_are_not_turned_by_90_degrees(square, expected):
    batches = np.zeros((50, 8), np.int64)
    assert set(draw_symmetries(batches, square=square, seed=(0,)).ravel()) == expected
    for symmetry in {0, 2, 4, 6}:
        assert turn(np.zeros((3, 5)), symmetry).shape == (3, 5)


def test_validation_regions_are_disjoint_and_on_positives(splits):
    _, validation = splits
    regions = ValidationRegions.from_split(validation)
    np.testing.assert_array_equal(regions.positives, np.flatnonzero(validation.labels))
    assert not (regions.targets & regions.distractors).any()
    drawn = validation.object_maps[regions.positives] == 2
    assert (regions.targets | ~drawn).all()
    assert regions.targets.sum() > drawn.sum() > 0
    assert TARGET_MARGIN > 0


def test_config_survives_json():
    assert config_from_dict(json.loads(json.dumps(config_to_dict(TINY)))) == TINY
    assert with_l1(TINY, 0.5).stages[0] == TINY.stages[0]


def test_config_is_identified_by_its_changes_alone():
    assert changes_from_default(JointConfig()) == {}
    assert changes_from_default(dataclasses.replace(JointConfig(), offset=1.0)) == {
        "offset": 1.0
    }
    changes = json.loads(json.dumps(changes_from_default(TINY)))
    assert config_from_dict(changes) == TINY
    assert changes["stages"][0] == {
        "name": "classifier",
        "trains": ["classifier"],
        "epochs": TINY.stages[0].epochs,
        "steps_per_epoch": TINY.stages[0].steps_per_epoch,
        "batch_size": TINY.stages[0].batch_size,
    }


def test_price_is_scaled_with_its_start():
    stage = dataclasses.replace(TINY.stages[1], l1=1.0, l1_start=8.0, l1_ramp_epochs=3)
    config = dataclasses.replace(TINY, stages=(stage,))
    scaled = scale_l1(config, 0.5).stages[0]
    for epoch in range(6):
        assert scaled.l1_at(epoch) == pytest.approx(stage.l1_at(epoch) / 2)
    prices = [stage.l1_at(epoch) for epoch in range(4)]
    np.testing.assert_allclose(prices, [4.0, 2.0, 1.0, 1.0])


def test_unknown_option_is_named():
    with pytest.raises(InputError, match="Unknown option `lambda` in JointConfig"):
        config_from_dict({"lambda": 1})
    with pytest.raises(InputError, match="Unknown option `epoch` in Stage"):
        config_from_dict({"stages": [{"epoch": 1}]})


def test_loss_that_is_not_finite_stops_the_run(splits, tmp_path):
    config = dataclasses.replace(
        TINY,
        stages=(
            TINY.stages[0],
            dataclasses.replace(TINY.stages[2], learning_rate=1e38),
        ),
    )
    with pytest.raises(InputError, match="loss became .* stage 'joint'"):
        train(splits, tmp_path / "run", config=config)
    assert runs.load_progress(tmp_path / "run")["stage"] == "classifier"


def test_foreign_folder_and_other_settings_are_refused(splits, unbroken, tmp_path):
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        train(splits, tmp_path)
    with pytest.raises(InputError, match="holds a run with another seed"):
        train(splits, unbroken[0], seed=5)
    assert (tmp_path / "thesis.txt").read_text() == "do not touch"


def test_size_that_cannot_be_halved_leaves_no_folder(splits, tmp_path):
    config = dataclasses.replace(TINY, classifier_filters=(4,) * 6)
    with pytest.raises(ValueError, match="divisible by 64"):
        train(splits, tmp_path / "run", config=config)
    assert not (tmp_path / "run").exists()


def test_any_classifier_can_be_trained_jointly(splits, tmp_path):
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="stem")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalMaxPooling2D()(keras.layers.ReLU(name="relu")(x))
    probs = keras.layers.Dense(2, activation="softmax")(x)
    inner = keras.Model(image, probs, name="inner")
    masked = insert_mask(keras.Sequential([keras.Input((32, 32, 3)), inner]), ["relu"])
    before = [np.array(weight) for weight in masked.get_weights()]
    joint = train(splits, tmp_path / "run", classifier=masked)
    after = joint.get_layer("classifier").get_weights()
    assert not np.array_equal(before[0], after[0])
    settings = json.loads((tmp_path / "run/config.json").read_text())
    assert settings["classifier"]["masked"] == ["relu_mask"]
    stages = [row["stage"] for row in runs.read_log(tmp_path / "run")]
    assert stages == ["classifier"] * 2 + ["explainer"] * 2 + ["joint"] * 2
    masked.set_weights([weight + 1 for weight in before])
    with pytest.raises(InputError, match="holds a run with another classifier"):
        train(splits, tmp_path / "run", classifier=masked)


def test_run_from_before_an_option_existed_goes_on(splits, tmp_path):
    config = dataclasses.replace(TINY, stages=TINY.stages[:1])
    with pytest.raises(KilledError):
        train(splits, tmp_path / "run", config=config, report=kill_after(1))
    path = tmp_path / "run" / "config.json"
    settings = json.loads(path.read_text())
    del settings["config"]["init_gain"], settings["config"]["stages"][0]["l1_start"]
    path.write_text(json.dumps(settings))
    train(splits, tmp_path / "run", config=config)
    assert [row["epoch"] for row in runs.read_log(tmp_path / "run")] == [1, 2]
