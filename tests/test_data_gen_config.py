import dataclasses
import json
import re

import pytest

from data_gen.config import PolygonConfig
from data_gen.pictures import make_pictures
from data_gen.recipes import RECIPES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"num_images": 0},
            "`num_images`. Expected at least 1. Received: num_images=0",
        ),
        ({"num_images": 5, "num_positive": 6}, "a number from 0 to num_images=5"),
        ({"positive_share": 1.1}, "`positive_share`. Expected a share from 0 to 1"),
        (
            {"outside_share": -0.1, "outside_polygon": "square"},
            "`outside_share`. Expected a share from 0 to 1",
        ),
        ({"outside_share": 0.5}, "Expected none without an outside_polygon"),
        (
            {"num_positive": 3, "positive_share": 0.1},
            "`positive_share`. Expected none beside num_positive=3",
        ),
        ({"val_share": 1.0}, "`val_share`. Expected a share from 0 to below 1"),
        ({"seed": -1}, "`seed`. Expected a number from 0 to 2**64 - 1"),
        ({"start_index": -1}, "`start_index`. Expected at least 0"),
        ({"max_tries": 0}, "`max_tries`. Expected at least 1"),
        ({"channels": 2}, "`channels`. Expected 1 or 3. Received: channels=2"),
        ({"noise": -1.0}, "`noise`. Expected grey levels from 0 to 255"),
        ({"noise": float("nan")}, "`noise`. Expected grey levels from 0 to 255"),
        ({"target": "blob"}, "`target`. Expected `circle`"),
        ({"distractors": ("circle", "4/2")}, "`distractors`. Expected `circle`"),
        ({"outside_polygon": "blob"}, "`outside_polygon`. Expected `circle`"),
        ({"distractors": ()}, "`distractors`. Expected at least one shape"),
        ({"distractors": ("3/1",)}, "Expected shapes other than target='triangle'"),
        ({"num_targets": 0}, "`num_targets`. Expected at least 1"),
        ({"num_targets": 4}, "`min_shapes`. Expected at least num_targets=4"),
        ({"max_shapes": 2}, "`max_shapes`. Expected a number from min_shapes=3 to 255"),
        ({"max_shapes": 256}, "a number from min_shapes=3 to 255"),
        ({"max_shapes": 255, "outside_polygon": "square"}, "min_shapes=3 to 254"),
        ({"line_width": 0}, "`line_width`. Expected at least 1"),
        ({"min_radius": 0.0}, "`min_radius`. Expected more than 0"),
        ({"max_radius": 6.0}, "`max_radius`. Expected at least min_radius=7.0"),
        ({"image_size": 38}, "shapes that fit into image_size=38 (the largest is 39"),
        ({"image_size": 80, "outside_polygon": "triangle"}, "the largest is 89 pixels"),
        (
            {"colour": (255,)},
            "`colour`. Expected a colour other than background=(255,)",
        ),
        ({"target_colour": (255, 255, 255)}, "Expected a colour other than background"),
        ({"colour": (0, 0)}, "`colour`. Expected 1 or channels=3 grey levels"),
        (
            {"background": (256,)},
            "grey levels from 0 to 255. Received: background=(256,",
        ),
        ({"channels": 1, "target_colour": (0, 9, 0)}, "1 or channels=1 grey levels"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        PolygonConfig(**options)


def test_the_largest_shape_that_fits_is_allowed():
    assert PolygonConfig(image_size=39).max_radius == 19


@pytest.mark.parametrize(
    ("options", "positives"),
    [
        ({"num_images": 10, "num_positive": 3}, 3),
        ({"num_images": 10, "positive_share": 0.618}, 6),
        ({"num_images": 10, "num_positive": 0}, 0),
    ],
)
def test_positives_by_number_or_by_share(options, positives):
    assert PolygonConfig(**options).positives == positives


def test_configs_survive_json():
    config = PolygonConfig(target_colour=(0, 255, 0), distractors=("circle", "star5"))
    assert PolygonConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_every_option_is_described_in_one_sentence():
    for field in dataclasses.fields(PolygonConfig):
        assert re.fullmatch(r"[A-Z][^\n]*\.", field.metadata["help"]), field.name


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_say_what_the_paper_says(name):
    config = RECIPES[name]
    assert (config.num_images, config.positives) == (1000, 618)
    assert (config.image_size, config.channels) == (224, 3)
    assert (config.min_shapes, config.max_shapes) == (3, 19)
    assert config.target == ("star5" if name == "paper-star" else "triangle")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("positive", [True, False])
def test_recipes_show_what_the_paper_shows(name, positive):
    config = RECIPES[name]
    pictures = list(make_pictures(config, 0, [positive] * 40))
    counts = {picture.xml.count(b"<object>") for picture in pictures}
    assert min(counts) >= 3
    assert max(counts) <= 19
    for picture in pictures:
        names = re.findall(r"<object>\s*<name>(\w+)", picture.xml.decode())
        assert names.count(config.target) == positive
        assert set(names) <= {config.target, "circle"}
        assert b"<truncated>1" not in picture.xml
        green = (picture.pixels[..., 1] > picture.pixels[..., 0]).any()
        assert green == (positive and name == "paper-colour")


def test_recipes_keep_radii_in_pixels_at_other_sizes():
    small = dataclasses.replace(RECIPES["paper"], image_size=64)
    assert (small.min_radius, small.max_radius) == (7, 19)
