"""The three stages: run folders, kills, what moves and what does not."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from tiny_training import TINY, KilledError, assert_goes_on_alike, kill_after, train

from keras_xai.errors import InputError
from keras_xai.training import runs
from keras_xai.training.joint import build_from_config
from keras_xai.training.stages import copy_features
from keras_xai.training.validation import TARGET_MARGIN, ValidationRegions

pytestmark = pytest.mark.usefixtures("float32")


def _like_ours(stage):
    ramp = {} if stage.white_mask else {"l1": 1.0, "l1_start": 0.1, "l1_ramp_epochs": 2}
    return dataclasses.replace(
        stage,
        optimizer="adam",
        learning_rate=1e-2,
        schedule="cosine",
        warm_start=stage.name == "explainer",
        **ramp,
    )


# What the recipe `joint` does differently, and the L1 where the first code had it.
OURS = dataclasses.replace(
    TINY,
    stages=tuple(map(_like_ours, TINY.stages)),
    l1_reduction="mean",
    l1_of="mask_conv",
    augmentation=True,
)


@pytest.fixture(scope="module")
def ours(splits, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("ours") / "run"
    model = train(splits, run_dir, config=OURS)
    return run_dir, [np.array(w) for w in model.get_weights()]


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


@pytest.mark.parametrize("num_epochs", [1, 4, 6])
def test_killed_run_goes_on_to_the_same_numbers(num_epochs, splits, unbroken, tmp_path):
    assert_goes_on_alike(splits, tmp_path, num_epochs, unbroken)


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


def test_kill_while_a_file_is_written_leaves_the_one_before(
    splits, unbroken, tmp_path, monkeypatch
):
    def break_off(path, **arrays):
        path.write_bytes(b"PK, and then the power went")
        raise KilledError

    run_dir = tmp_path / "run"
    with pytest.raises(KilledError):
        train(splits, run_dir, report=kill_after(2))
    for module, name in ((runs.np, "savez"), (keras.Model, "save")):
        with monkeypatch.context() as patch:
            if name == "save":
                patch.setattr(module, name, lambda self, path: break_off(path))
            else:
                patch.setattr(module, name, break_off)
            with pytest.raises(KilledError):
                train(splits, run_dir)
        assert not (run_dir / "model.keras").exists()
    train(splits, run_dir)
    assert (run_dir / "log.csv").read_text() == (unbroken[0] / "log.csv").read_text()
    keras.models.load_model(run_dir / "model.keras")


def test_a_run_tells_every_environment_that_it_was_made_in(splits, tmp_path):
    run_dir = tmp_path / "run"
    with pytest.raises(KilledError):
        train(splits, run_dir, report=kill_after(1))
    path = run_dir / "environment.json"
    today = json.loads(path.read_text())
    assert "continued" not in today
    earlier = today | {"commit": "0000000"}
    path.write_text(json.dumps(earlier))
    for num_epochs in (1, 2):  # the second time in the same environment
        with pytest.raises(KilledError):
            train(splits, run_dir, report=kill_after(1))
        assert json.loads(path.read_text()) == earlier | {"continued": [today]}
        assert len(runs.read_log(run_dir)) == 1 + num_epochs


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


def test_validation_regions_are_disjoint_and_on_positives(splits):
    _, validation = splits
    regions = ValidationRegions.from_split(validation)
    np.testing.assert_array_equal(regions.positives, np.flatnonzero(validation.labels))
    assert not (regions.targets & regions.distractors).any()
    drawn = validation.object_maps[regions.positives] == 2
    assert (regions.targets | ~drawn).all()
    assert regions.targets.sum() > drawn.sum() > 0
    assert TARGET_MARGIN > 0


def test_foreign_folder_and_other_settings_are_refused(splits, unbroken, tmp_path):
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        train(splits, tmp_path)
    with pytest.raises(InputError, match="another seed; .* with, seed=1. Received: se"):
        train(splits, unbroken[0], seed=5)
    assert (tmp_path / "thesis.txt").read_text() == "do not touch"


def test_size_that_cannot_be_halved_leaves_no_folder(splits, tmp_path):
    config = dataclasses.replace(TINY, classifier_filters=(4,) * 6)
    with pytest.raises(InputError, match="divisible by 64"):
        train(splits, tmp_path / "run", config=config)
    assert not (tmp_path / "run").exists()


def test_other_data_of_the_same_size_are_refused(splits, unbroken):
    training, validation = splits
    inverted = training._replace(images=255 - training.images)
    with pytest.raises(InputError, match="holds a run with another data_hash"):
        train((inverted, validation), unbroken[0])
    relabelled = validation._replace(labels=1 - validation.labels)
    with pytest.raises(InputError, match="holds a run with another data_hash"):
        train((training, relabelled), unbroken[0])


@pytest.mark.parametrize("num_epochs", [3, 5])
def test_killed_run_of_our_recipes_options_goes_on_alike(
    num_epochs, splits, ours, tmp_path
):
    assert_goes_on_alike(splits, tmp_path, num_epochs, ours, lambda: {"config": OURS})


def test_run_from_before_an_option_existed_goes_on(splits, tmp_path):
    config = dataclasses.replace(TINY, stages=TINY.stages[:1])
    with pytest.raises(KilledError):
        train(splits, tmp_path / "run", config=config, report=kill_after(1))
    path = tmp_path / "run" / "config.json"
    settings = json.loads(path.read_text())
    del settings["config"]["init_gain"], settings["config"]["stages"][0]["l1_start"]
    del settings["data_hash"]
    path.write_text(json.dumps(settings))
    train(splits, tmp_path / "run", config=config, settings={"logits": False})
    assert [row["epoch"] for row in runs.read_log(tmp_path / "run")] == [1, 2]


def test_what_would_fail_later_is_refused_before_training(splits, tmp_path):
    small = splits[1]._replace(images=splits[1].images[:, :16, :16])
    with pytest.raises(
        InputError, match=r"shape \(16, 16, 3\); expected \(32, 32, 3\)"
    ):
        train((splits[0], small), tmp_path / "run")
    config = dataclasses.replace(OURS, explainer_filters=(4, 6))
    with pytest.raises(InputError, match=r"`warm_start`.*explainer_filters=\(4, 6\)"):
        train(splits, tmp_path / "run", config=config)
    assert not (tmp_path / "run").exists()


def test_callbacks_of_a_stage_see_its_log(splits, unbroken, tmp_path):
    seen = {}

    def callbacks(stage):
        def keep(epoch, logs):
            seen[stage, epoch + 1] = dict(logs)

        return [keras.callbacks.LambdaCallback(on_epoch_end=keep)]

    train(splits, tmp_path / "run", callbacks=callbacks)
    for row in runs.read_log(unbroken[0]):
        found = seen[row["stage"], row["epoch"]]
        for name in ("val_accuracy", "majority_rate", "cross_entropy"):
            assert found[name] == pytest.approx(row[name])
