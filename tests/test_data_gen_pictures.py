"""What one picture shows: shapes, colours, masks."""

import dataclasses
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from test_data_gen_generate import SMALL

from data_gen.pictures import make_pictures


def _pictures(positive=True, n=20, **options):
    config = dataclasses.replace(SMALL, **options)
    return list(make_pictures(config, 0, [positive] * n))


def test_colours_are_right_on_any_background():
    for picture in _pictures(
        background=(0,), colour=(255, 0, 0), target_colour=(0, 0, 200), line_width=3
    ):
        colours = {tuple(pixel) for pixel in picture.pixels.reshape(-1, 3).tolist()}
        assert {(0, 0, 0), (255, 0, 0), (0, 0, 200)} <= colours
        assert all(green == 0 for _, green, _ in colours)


def test_shapes_have_the_ink_of_their_colour_on_black_as_on_white():
    white = _pictures(background=(255,), colour=(0,))
    black = _pictures(background=(0,), colour=(255,))
    for light, dark in zip(white, black, strict=True):
        np.testing.assert_array_equal(255 - light.pixels, dark.pixels)


def test_grey_pictures_have_one_channel():
    for grey, rgb in zip(_pictures(channels=1), _pictures(), strict=True):
        assert grey.pixels.shape == (48, 48, 1)
        np.testing.assert_array_equal(np.repeat(grey.pixels, 3, axis=2), rgb.pixels)


def test_noise_keeps_the_drawing():
    for clean, noisy in zip(_pictures(), _pictures(noise=8.0), strict=True):
        assert clean.xml == noisy.xml
        difference = noisy.pixels.astype(int) - clean.pixels
        assert difference.any()
        assert np.abs(difference).max() < 60


def test_filled_shapes_ink_their_whole_region():
    for picture in _pictures(filled=True):
        inked = picture.pixels[..., 0] < 255
        np.testing.assert_array_equal(inked, picture.mask > 0)


def test_without_rotation_a_vertex_points_up():
    for picture in _pictures(rotation=False, occlusion=False):
        rows, columns = np.nonzero(picture.mask == picture.mask.max())
        width_at_top = np.ptp(columns[rows == rows.min()])
        width_at_bottom = np.ptp(columns[rows == rows.max()])
        assert width_at_top < 4 < width_at_bottom


def test_numbers_of_shapes_and_targets_are_met():
    pictures = _pictures(num_targets=2, min_shapes=2, max_shapes=4, n=60)
    names = [re.findall(rb"<object>\s*<name>(\w+)", p.xml) for p in pictures]
    assert {len(found) for found in names} == {2, 3, 4}
    assert all(found.count(b"triangle") == 2 for found in names)


def test_distractors_are_drawn_with_equal_chances():
    distractors = ("circle", "square", "star5")
    xml = b"".join(
        p.xml for p in _pictures(distractors=distractors, n=200, positive=False)
    )
    counts = [xml.count(b"<name>%s<" % name.encode()) for name in distractors]
    assert min(counts) > 0.8 * sum(counts) / 3


def test_radii_span_their_range():
    pictures = _pictures(
        target="circle", distractors=("square",), occlusion=False, min_radius=4.0, n=200
    )
    widths = []
    for picture in pictures:
        box = ET.fromstring(picture.xml)[-1].find("bndbox")
        widths.append(int(box.findtext("xmax")) - int(box.findtext("xmin")))
    assert 7 <= min(widths) <= 9  # twice the radius and the pen's edges
    assert 17 <= max(widths) <= 20


@pytest.mark.parametrize("shape", ["circle", "square", "star5"])
def test_outside_polygons_enclose_their_target(shape):
    pictures = _pictures(
        outside_polygon=shape,
        outside_share=0.5,
        distractors=("hexagon",),
        image_size=128,
        n=100,
    )
    enclosed = 0
    for picture in pictures:
        names = re.findall(r"<object>\s*<name>(\w+)", picture.xml.decode())
        assert names.count(shape) in (0, 1)
        if shape in names:
            enclosed += 1
            assert names[-2:] == [shape, "triangle"]
            target = np.pad(picture.mask == len(names), 1)
            grown = np.any(
                [np.roll(target, k, axis) for k in (1, -1) for axis in (0, 1)], 0
            )
            around = (grown & ~target)[1:-1, 1:-1]
            assert (picture.mask[around] == len(names) - 1).all()
    assert 35 <= enclosed <= 65


def test_negatives_have_no_outside_polygons():
    for picture in _pictures(False, outside_polygon="square", image_size=64):
        assert b"square" not in picture.xml
