"""`keras-xai train`: recipes, options, and classifiers of one's own."""

import json
import shutil
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from test_cli import TINY_RUN, fails

from keras_xai.cli import main
from keras_xai.recipes import RECIPES
from keras_xai.training.config import config_to_dict


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--size 0 64", "`--size`. Expected a height and a width of at least 1"),
        ("--seed=-1", "`--seed`. Expected a number from 0 to 4294967295"),
        ("--seed=4294967296", "`--seed`. Expected a number from 0 to 4294967295"),
        ("--set=stages=3", "`stages`. Expected a list of stages"),
        ("--set=stages=[3]", "`stages`. Expected a list of stages"),
        ("--set=explainer_filters=4", "`explainer_filters`. Expected a list, each an "),
        (
            "--set=dense_units=[8,2.5]",
            "`dense_units`. Expected a list, each an integer",
        ),
        ("--set=scale=wide", '`scale`. Expected a number. Received: scale="wide"'),
        ("--set=augmentation=1", "`augmentation`. Expected true or false"),
        ("--set=dropout=true", "`dropout`. Expected a number. Received: dropout=true"),
        ("--set=mask_pooling=min", "`mask_pooling`. Expected one of max, average"),
        (
            "--set=batch_norm_momentum=no",
            "`batch_norm_momentum`. Expected a number or ",
        ),
    ],
)
def test_train_refuses_an_option(option, message, polygons, tmp_path, capsys):
    words = ["train", polygons, tmp_path / "run", *option.split()]
    assert message in fails(capsys, *words)
    assert not (tmp_path / "run").exists()


def test_what_is_left_out_is_told_in_one_sentence(polygons, tmp_path, capsys):
    copy = shutil.copytree(polygons, tmp_path / "copy")
    name = (copy / "ImageSets/Main/train.txt").read_text().split()[0]
    path = copy / "Annotations" / f"{name}.xml"
    box = "<bndbox><xmin>9</xmin><ymin>9</ymin><xmax>8</xmax><ymax>8</ymax></bndbox>"
    empty = f"<object><name>circle</name>{box}</object></annotation>"
    path.write_text(path.read_text().replace("</annotation>", empty))
    capsys.readouterr()
    main(["train", str(copy), str(tmp_path / "run"), "--target=hexagon"])
    warning, error = capsys.readouterr().err.splitlines()
    assert warning.startswith("keras-xai train: Objects whose box is empty are left ")
    assert warning.endswith(f"in {path}.")
    assert error.startswith("keras-xai train: ") and "hexagon" in error


@pytest.mark.slow
def test_a_run_may_be_killed_at_any_moment(polygons, tmp_path):
    """While it starts, and at four moments after the end of some epoch."""
    recipe = tmp_path / "recipe.json"
    values = config_to_dict(RECIPES["joint"]("smoke"))
    values |= {name: [4, 8] for name in ("explainer_filters", "classifier_filters")}
    for stage in values["stages"]:
        stage |= {"epochs": 15, "steps_per_epoch": 2}
    recipe.write_text(json.dumps(values))

    def command(run):
        words = ["train", polygons, run, "--recipe", recipe, "--quiet"]
        return [sys.executable, "-m", "keras_xai.cli", *map(str, words)]

    def read_log(run):
        path = tmp_path / run / "log.csv"
        return path.read_text().splitlines() if path.exists() else []

    subprocess.run(command(tmp_path / "unbroken"), check=True)
    with subprocess.Popen(command(tmp_path / "killed")) as process:
        time.sleep(2)
        process.kill()
    for delay in (0.0, 0.03, 0.11, 0.17):  # seconds after some epoch's end
        num_rows = len(read_log("killed"))
        with subprocess.Popen(command(tmp_path / "killed")) as process:
            while len(read_log("killed")) < num_rows + 7 and process.poll() is None:
                time.sleep(0.01)
            time.sleep(delay)
            assert process.poll() is None
            process.kill()
    subprocess.run(command(tmp_path / "killed"), check=True)
    assert read_log("killed") == read_log("unbroken")
    killed, unbroken = (
        keras.models.load_model(tmp_path / run / "model.keras").get_weights()
        for run in ("killed", "unbroken")
    )
    for weight, expected in zip(killed, unbroken, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_tensorboard_that_is_not_installed_is_named(
    polygons, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    options = ["--tensorboard", tmp_path / "logs"]
    message = fails(capsys, "train", polygons, tmp_path / "run", *TINY_RUN, *options)
    assert "keras_xai[tensorboard]" in message


def test_tensorboard_shows_each_stage(polygons, tmp_path):
    pytest.importorskip("tensorboard")
    logs = tmp_path / "logs"
    words = ["train", str(polygons), str(tmp_path / "run"), *TINY_RUN]
    assert main([*words, "--tensorboard", str(logs), "--quiet"]) == 0
    assert {path.name for path in logs.iterdir()} == {
        "classifier",
        "explainer",
        "joint",
    }
    for stage in logs.iterdir():
        assert list(stage.glob("**/events.out.tfevents.*"))


@pytest.mark.parametrize(
    ("option", "prices"),
    [
        ([], (1.0, 10.0)),
        (["--l1-factor", "4"], (4.0, 40.0)),
        (["--l1", "7"], (7.0, 7.0)),
    ],
)
def test_the_price_of_the_mask_may_be_changed(
    option, prices, polygons, tmp_path, monkeypatch
):
    seen = []
    monkeypatch.setattr(
        "keras_xai.training.joint.train_joint",
        lambda config, *_, **__: seen.append(config),
    )
    words = ["train", str(polygons), str(tmp_path / "run"), *option]
    assert main([*words, "--quiet"]) == 0
    assert tuple(stage.l1 for stage in seen[0].stages[1:]) == prices


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--set=scale=0.1", "scale is of the recipe's own classifier; expected none"),
        ("--set=dense_units=[8]", "dense_units is of the recipe's own classifier"),
    ],
)
def test_options_without_effect_on_a_model_are_refused(
    option, message, polygons, tmp_path, capsys
):
    words = ["train", polygons, tmp_path / "run", "--model", tmp_path / "m.keras"]
    assert message in fails(capsys, *words, "--at=conv", option)


def test_one_price_is_enough(polygons, tmp_path, capsys):
    words = ["train", str(polygons), str(tmp_path), "--l1=1", "--l1-factor=2"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_recipe_may_be_a_file(polygons, tmp_path, capsys):
    recipe = tmp_path / "mine.json"
    recipe.write_text('{"scale": 1.0, "lambda": 2}')
    arguments = ["train", polygons, tmp_path / "run", "--recipe", recipe]
    assert "Unknown option `lambda`" in fails(capsys, *arguments)
    recipe.write_text("{")
    assert "not valid JSON" in fails(capsys, *arguments)
    recipe.write_text("[1]")
    assert "mine.json holds no JSON object" in fails(capsys, *arguments)
    recipe.write_text("{}")
    assert "mine.json says itself how long" in fails(
        capsys, *arguments, "--profile=smoke"
    )
    recipe.write_text('{"stages": [{"name": "classifier"}]}')
    assert "`trains` is missing in a stage" in fails(capsys, *arguments)
    recipe.write_text('{"kernel_initializer": "é"}', encoding="latin-1")
    assert "mine.json is no text in UTF-8" in fails(capsys, *arguments)
    recipe.unlink()
    assert "mine.json" in fails(capsys, *arguments)


def save_classifier(path, image_shape, num_classes=2, activation="softmax"):
    layers = [
        keras.Input(image_shape),
        keras.layers.Conv2D(4, 3, padding="same", name="conv"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(num_classes, activation=activation),
    ]
    keras.Sequential(layers).save(path)


@pytest.fixture(scope="module")
def grey_polygons(tmp_path_factory):
    """Grey images, of which training and validation list hold both kinds."""
    folder = tmp_path_factory.mktemp("grey") / "polygons"
    words = ["--num-images=8", "--num-positive=4", "--channels=1", "--image-size=32"]
    words += ["--max-shapes=3", "--max-radius=8", "--workers=1", "--val-share=0.5"]
    assert main(["generate", str(folder), *words, "--quiet"]) == 0
    return folder


def test_a_grey_classifier_takes_grey_images(grey_polygons, tmp_path):
    keras.config.set_dtype_policy("float32")
    model, data = str(tmp_path / "grey.keras"), str(grey_polygons)
    save_classifier(model, (32, 32, 1))
    run = ["train", data, str(tmp_path / "run"), "--profile=smoke", "--at=conv"]
    assert main([*run, "--model", model, "--quiet"]) == 0
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert settings["image_shape"] == [32, 32, 1] and settings["at"] == ["conv"]
    assert settings["input_range"] == [0.0, 1.0] and settings["logits"] is False
    decode = ["decode", model, str(tmp_path / "decoded"), "--layer=conv"]
    assert main([*decode, "--data", data, "--epochs=1", "--quiet"]) == 0
    with np.load(tmp_path / "decoded" / "reconstructions.npz") as arrays:
        assert arrays["image"].shape == (4, 32, 32, 1)
    decoded = json.loads((tmp_path / "decoded" / "settings.json").read_text())
    assert decoded["class_names"] == ["no triangle", "triangle"]


def test_images_are_resized_to_the_model(grey_polygons, tmp_path):
    model, run = str(tmp_path / "small.keras"), tmp_path / "run"
    save_classifier(model, (16, 24, 1))
    words = ["train", str(grey_polygons), str(run), "--profile=smoke", "--at=conv"]
    assert main([*words, "--model", model, "--quiet"]) == 0
    settings = json.loads((run / "config.json").read_text())
    assert settings["image_shape"] == [16, 24, 1]


def test_a_grey_run_is_compared_on_grey_images(grey_polygons):
    from keras_xai.comparison.samples import read_sample

    sample = read_sample(grey_polygons, (32, 32, 1), target="triangle")
    assert sample.split.image_shape == (32, 32, 1)
    assert sample.targets is not None


def test_your_own_classifier_is_trained_jointly(polygons, tmp_path, capsys):
    model = tmp_path / "classifier.keras"
    save_classifier(model, (32, 32, 3), activation="linear")
    run = ["train", str(polygons), str(tmp_path / "run"), "--profile", "smoke"]
    own = ["--model", str(model), "--logits"]
    message = fails(capsys, *run, *own, "--at", "nowhere")
    assert "Expected some of: conv. Received: nowhere" in message
    assert "--at is for a classifier of your own" in fails(capsys, *run, "--at", "conv")
    message = fails(capsys, *run, *own, "--at=conv", "--class-names", "triangle", "no")
    assert "have a class 'no triangle'; expected one of the model's" in message
    assert main([*run, *own, "--at", "conv", "--quiet"]) == 0
    assert (tmp_path / "run" / "model.keras").exists()


def test_a_run_keeps_the_order_of_its_models_outputs(polygons, tmp_path):
    from keras_xai.comparison.cases import open_case
    from keras_xai.comparison.options import Options
    from keras_xai.report.truths import read_truths

    save_classifier(tmp_path / "model.keras", (32, 32, 3), num_classes=3)
    names = ["triangle", "square", "no triangle"]
    data, run = str(polygons), tmp_path / "run"
    own = ["--model", str(tmp_path / "model.keras"), "--at=conv", "--class-names"]
    words = ["train", data, str(run), "--profile=smoke", "--quiet", *own, *names]
    assert main(words) == 0
    assert json.loads((run / "config.json").read_text())["class_names"] == names
    split = open_case(run, polygons, Options(methods=())).sample.split
    assert split.class_names == tuple(names)
    has_target = (split.object_maps == 2).any(axis=(1, 2))
    assert split.labels.tolist() == np.where(has_target, 0, 2).tolist()
    explained = tmp_path / "explained"
    assert main(["explain", str(run), data, str(explained), "--quiet"]) == 0
    truths = read_truths(polygons, split.filenames, names)
    label_of = {name: truth.label for name, truth in truths.items()}
    assert [label_of[name] for name in split.filenames] == split.labels.tolist()
    page = tmp_path / "page.html"
    assert main(["report", str(run), str(explained), data, str(page)]) == 0
    assert "--class-names triangle square 'no triangle'" in (
        page.read_text(encoding="utf-8").replace("&#39;", "'")
    )
