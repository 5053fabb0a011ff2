"""`keras-xai generate`: every option arrives, and nonsense is refused."""

import dataclasses
import json

import pytest
from PIL import Image
from test_cli import fails

from data_gen.config import PolygonConfig
from keras_xai.cli import main

OTHER = PolygonConfig(  # no value is the default
    num_images=2,
    num_positive=1,
    image_size=96,
    channels=1,
    target="star5",
    num_targets=2,
    distractors=("square", "hexagon"),
    min_shapes=2,
    max_shapes=4,
    min_radius=4.5,
    max_radius=8.5,
    overlap=False,
    occlusion=True,
    rotation=False,
    noise=1.5,
    background=(10,),
    colour=(200,),
    target_colour=(100,),
    line_width=2,
    filled=True,
    outside_polygon="pentagon",
    outside_share=0.5,
    val_share=0.5,
    seed=2**64 - 1,
    start_index=4,
    max_tries=500,
)


def to_words(name, value):
    """Writes an option as on the command line."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    return [f"--{option}", *map(str, value if isinstance(value, tuple) else [value])]


@pytest.mark.parametrize(
    "name",
    [f.name for f in dataclasses.fields(OTHER) if f.name != "positive_share"],
)
def test_generate_passes_every_option_on(name, tmp_path, monkeypatch):
    value = getattr(OTHER, name)
    made = []
    monkeypatch.setattr(
        "data_gen.generate.generate", lambda config, *_, **__: made.append(config)
    )
    words = to_words(name, value)
    if name == "channels":  # colours of three
        words += to_words("background", (255,))
    if name == "num_targets":
        words += to_words("min_shapes", 3)
    if name == "outside_share":
        words += to_words("outside_polygon", "square")
    assert main(["generate", str(tmp_path / "a"), *words, "--quiet"]) == 0
    [config] = made
    assert getattr(config, name) == value != getattr(PolygonConfig(), name)


def test_generate_makes_what_all_options_say(tmp_path, capsys):
    out = tmp_path / "set"
    values = dataclasses.asdict(OTHER)
    words = [word for option in values.items() for word in to_words(*option)]
    assert main(["generate", str(out), *words, "--workers=1", "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert PolygonConfig(**manifest["config"]) == OTHER
    assert len(list((out / "JPEGImages").iterdir())) == 2


def test_generate_recipe_may_be_changed(tmp_path):
    options = ["--recipe=paper", "--num-images=4", "--num-positive=1"]
    assert main(["generate", str(tmp_path / "a"), *options, "--quiet"]) == 0
    with Image.open(tmp_path / "a/JPEGImages/000000.png") as image:
        assert image.size == (224, 224)


@pytest.mark.parametrize(
    ("options", "num_positive"),
    [
        (["--recipe=paper", "--num-images=50"], 31),  # 618 of 1000 are 30.9
        (["--recipe=paper", "--num-images=50", "--positive-share=.1"], 5),
        (["--num-images=50", "--positive-share=.1"], 5),
    ],
)
def test_generate_keeps_a_share(options, num_positive, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        "data_gen.generate.generate", lambda config, *_, **__: made.append(config)
    )
    assert main(["generate", str(tmp_path / "a"), *options, "--quiet"]) == 0
    assert made[0].positives == num_positive


def test_generate_refuses_nonsense(tmp_path, capsys):
    out = tmp_path / "a"
    assert "min_radius" in fails(capsys, "generate", out, "--min-radius=-1")
    assert "num_positive" in fails(capsys, "generate", out, "--num-positive=2000")
    assert "workers" in fails(capsys, "generate", out, "--workers=0")
    assert not out.exists()
    (tmp_path / "file").write_text("mine")
    assert "file" in fails(capsys, "generate", tmp_path / "file", "--num-images=4")
    assert (tmp_path / "file").read_text() == "mine"
