import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_gen.polygons import Placement, Shape, place

SYMBOLS = st.integers(3, 99).flatmap(
    lambda p: st.tuples(st.just(p), st.integers(1, (p - 1) // 2))
)


@pytest.mark.parametrize(
    ("name", "p", "q"),
    [
        ("circle", 0, 1),
        ("triangle", 3, 1),
        ("dodecagon", 12, 1),
        ("polygon13", 13, 1),
        ("star5", 5, 2),
        ("star7", 7, 3),
        ("star7-2", 7, 2),
    ],
)
def test_names_and_symbols_mean_each_other(name, p, q):
    assert Shape.from_name(name) == (p, q)
    assert Shape(p, q).name == name


@given(SYMBOLS)
def test_every_symbol_has_one_name_fit_for_files(symbol):
    shape = Shape.from_name("{}/{}".format(*symbol))
    assert shape == symbol
    assert re.fullmatch(r"[a-z]+\d*(-\d+)?", shape.name)
    assert Shape.from_name(shape.name) == shape


@pytest.mark.parametrize(
    "name", ["", "blob", "2/1", "4/2", "5/0", "100/3", "star4", "star5-1", "5/2/1"]
)
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=f"Expected `circle`.*name='{name}'"):
        Shape.from_name(name)


@given(SYMBOLS, st.floats(-4, 4), st.floats(1, 50))
def test_chords_have_the_length_and_the_distance_of_the_closed_form(symbol, angle, r):
    p, q = symbol
    vertices = np.array(Placement(Shape(p, q), 10.0, -3.0, r, angle).vertices)
    ends = np.roll(vertices, -q, axis=0)
    lengths = np.linalg.norm(ends - vertices, axis=1)
    np.testing.assert_allclose(lengths, 2 * r * math.sin(math.pi * q / p))
    middles = np.linalg.norm((ends + vertices) / 2 - [10, -3], axis=1)
    np.testing.assert_allclose(middles, r * Shape(p, q).inradius, atol=1e-9)


def test_first_vertex_lies_in_the_direction_of_the_angle():
    triangle = Placement(Shape(3, 1), 10.0, 10.0, 5.0, -math.pi / 2)
    assert triangle.vertices[0] == pytest.approx((10.0, 5.0))
    assert Placement(Shape(0, 1), 10.0, 10.0, 5.0, 0.0).vertices == []


@pytest.mark.parametrize(
    ("shape", "x", "cut"),
    [
        (Shape(0, 1), 5.0, False),  # outline from -0.5 on, the picture's very edge
        (Shape(0, 1), 4.9, True),
        (Shape(4, 1), 5.0, False),  # vertex to the left
        (Shape(4, 1), 4.9, True),
        (Shape(3, 1), 2.6, False),  # side to the left, 2.5 pixels off
        (Shape(3, 1), 2.4, True),
    ],
)
def test_a_shape_is_cut_if_its_outline_leaves_the_picture(shape, x, cut):
    assert Placement(shape, x, 50.0, 5.0, 0.0).is_cut(100, 0.5) is cut
    mirrored = Placement(shape, 99 - x, 50.0, 5.0, math.pi)
    assert mirrored.is_cut(100, 0.5) is cut


def _place(radii, *, overlap=False, occlusion=False, seed=0):
    return place(
        radii,
        image_size=100,
        margin=0.5,
        overlap=overlap,
        occlusion=occlusion,
        max_tries=100,
        rng=np.random.default_rng(seed),
    )


def test_discs_keep_apart_unless_they_may_overlap():
    radii = [9.0] * 15

    def smallest_gap(centres):
        return min(math.dist(a, b) for a in centres for b in centres if a != b)

    assert smallest_gap(_place(radii)) >= 19
    assert smallest_gap(_place(radii, overlap=True)) < 19


def test_discs_keep_inside_unless_the_border_may_cut_them():
    radii = [9.0] * 200
    inside = np.array(_place(radii, overlap=True))
    assert inside.min() >= 9
    assert inside.max() <= 90
    anywhere = np.array(_place(radii, overlap=True, occlusion=True))
    assert -0.5 <= anywhere.min() < 9
    assert 90 < anywhere.max() < 99.5


def test_no_room_ends_in_none():
    assert _place([30.0] * 5) is None


def test_a_picture_that_gets_stuck_starts_again():
    for seed in range(10):  # a single start succeeds in 9 % of the cases
        assert _place([20.0] * 4, seed=seed) is not None
