import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_gen.drawing import add_noise, compose, draw_patches, paint
from data_gen.polygons import Placement, Shape

CIRCLE, TRIANGLE, SQUARE, STAR = Shape(0, 1), Shape(3, 1), Shape(4, 1), Shape(5, 2)
SIZE = 64
PLACEMENTS = st.builds(
    Placement,
    st.sampled_from([CIRCLE, TRIANGLE, SQUARE, STAR, Shape(6, 2), Shape(7, 3)]),
    st.floats(-0.5, SIZE - 0.6),
    st.floats(-0.5, SIZE - 0.6),
    st.floats(3, 20),
    st.floats(-math.pi, math.pi),
    st.booleans(),
)


def _draw(*placements, line_width=1, image_size=SIZE):
    return draw_patches(placements, image_size=image_size, line_width=line_width)


def _sheet(*patches):
    return compose(patches, [0] * len(patches), SIZE)[0][0]


def _mask(*patches):
    return compose(patches, [0] * len(patches), SIZE)[1]


def _distance(placement, x, y):
    """Distance of a point from the outline, by the text book."""
    if placement.shape == CIRCLE:
        return abs(math.dist((x, y), placement[1:3]) - placement.radius)
    vertices = np.array(placement.vertices)
    best = math.inf
    for a, b in zip(
        vertices, np.roll(vertices, -placement.shape.q, axis=0), strict=True
    ):
        share = np.clip((np.array([x, y]) - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        best = min(best, math.dist((x, y), a + share * (b - a)))
    return best


def _winding(placement, x, y):
    """How often the outline runs round a point, by the sum of its angles."""
    if placement.shape == CIRCLE:
        return int(math.dist((x, y), placement[1:3]) < placement.radius)
    vertices = np.array(placement.vertices) - [x, y]
    ends = np.roll(vertices, -placement.shape.q, axis=0)
    cross = vertices[:, 0] * ends[:, 1] - vertices[:, 1] * ends[:, 0]
    return round(np.arctan2(cross, (vertices * ends).sum(1)).sum() / (2 * math.pi))


@settings(max_examples=25)
@given(PLACEMENTS, st.sampled_from([1, 2, 3]))
def test_ink_and_region_follow_from_distance_and_winding(placement, line_width):
    (patch,) = _draw(placement, line_width=line_width)
    sheet, mask = _sheet(patch), _mask(patch)
    for y in range(0, SIZE, 3):
        for x in range(0, SIZE, 3):
            distance = _distance(placement, x, y)
            if distance < 0.01:
                continue  # inside or outside, by the last digit
            ink = 255 * min(max(line_width / 2 + 0.5 - distance, 0), 1)
            inside = _winding(placement, x, y) > 0
            expected = 255 if placement.filled and inside else ink
            assert sheet[y, x] == pytest.approx(expected, abs=0.51)
            if not 0.4 < ink < 0.6:  # where rounding decides
                assert mask[y, x] == (inside or ink > 0.5)


@settings(max_examples=100)
@given(PLACEMENTS)
def test_boxes_are_tight_on_the_visible_ink(placement):
    (patch,) = _draw(placement)
    rows, columns = np.nonzero(_sheet(patch))
    assert patch.box[:4] == (columns.min(), rows.min(), columns.max(), rows.max())


@settings(max_examples=100)
@given(PLACEMENTS)
def test_only_truncated_shapes_lose_ink(placement):
    (patch,) = _draw(placement)
    moved = placement._replace(x=placement.x + SIZE, y=placement.y + SIZE)
    (whole,) = _draw(moved, image_size=3 * SIZE)
    lost = whole.ink.sum(dtype=int) - patch.ink.sum(dtype=int)
    assert lost == 0 or (patch.box.truncated and lost > 0)
    assert not whole.box.truncated


def test_truncated_shapes_lose_ink():
    whole, cut = _draw(
        Placement(TRIANGLE, 30.0, 30.0, 9.0, 0.3),
        Placement(TRIANGLE, 2.0, 30.0, 9.0, 0.3),
    )
    assert not whole.box.truncated
    assert cut.box.truncated
    assert cut.ink.sum(dtype=int) < 0.8 * whole.ink.sum(dtype=int)


@pytest.mark.parametrize("line_width", [1, 2, 4])
@pytest.mark.parametrize("shape", [CIRCLE, TRIANGLE, SQUARE, Shape(12, 1)])
def test_all_shapes_are_drawn_with_the_same_pen(shape, line_width):
    radius = 25.0
    length = 2 * math.pi * radius
    if shape.p:
        length = 2 * radius * shape.p * math.sin(math.pi / shape.p)
    placement = Placement(shape, 31.7, 32.2, radius, 0.4)
    (patch,) = _draw(placement, line_width=line_width)
    assert patch.ink.sum() / 255 / length == pytest.approx(line_width, rel=0.02)


def test_filled_shapes_have_the_area_of_the_closed_form():
    radius = 20.0
    # The star has ten corners, by turns at radius and radius * cos(72°) / cos(36°).
    notch = math.cos(0.4 * math.pi) / math.cos(0.2 * math.pi)
    areas = {
        CIRCLE: math.pi * radius**2,
        TRIANGLE: 3 * math.sqrt(3) / 4 * radius**2,
        SQUARE: 2 * radius**2,
        STAR: 5 * radius**2 * notch * math.sin(math.pi / 5),
    }
    for shape, area in areas.items():
        (patch,) = _draw(Placement(shape, 32.3, 31.6, radius, 0.7, True))
        assert (patch.ink == 255).sum() == pytest.approx(area, rel=0.03), shape.name


def test_patches_do_not_depend_on_their_company():
    rng = np.random.default_rng(3)
    shapes = [CIRCLE, TRIANGLE, STAR]
    placements = [
        Placement(shapes[k % 3], *(rng.uniform(20, 44, 2).tolist()), radius, angle)
        for k, (radius, angle) in enumerate(rng.uniform(2, 19, (60, 2)).tolist())
    ]
    for together, placement in zip(_draw(*placements), placements, strict=True):
        (alone,) = _draw(placement)
        assert together.box == alone.box
        np.testing.assert_array_equal(_sheet(together), _sheet(alone))
        np.testing.assert_array_equal(_mask(together), _mask(alone))


def test_masks_number_the_shapes_and_later_ones_cover_earlier_ones():
    patches = _draw(
        Placement(CIRCLE, 20.0, 20.0, 10.0, 0.0),
        Placement(SQUARE, 28.0, 20.0, 10.0, 0.0),
        Placement(TRIANGLE, 50.0, 50.0, 8.0, 0.0),
    )
    mask = _mask(*patches)
    assert np.unique(mask).tolist() == [0, 1, 2, 3]
    assert mask[20, 12] == 1
    assert mask[20, 24] == 2  # in both
    for index, patch in enumerate(patches, 1):
        visible = _mask(patch) == 1
        for later in patches[index:]:
            visible &= _mask(later) == 0
        np.testing.assert_array_equal(mask == index, visible)


def test_crossing_lines_are_no_darker_than_one():
    first, second = _draw(
        Placement(CIRCLE, 28.0, 30.0, 9.0, 0.0), Placement(CIRCLE, 36.0, 30.0, 9.0, 0.0)
    )
    darker = np.maximum(_sheet(first), _sheet(second))
    np.testing.assert_array_equal(_sheet(first, second), darker)


def test_sheets_take_the_ink_of_their_own_shapes():
    first, second = _draw(
        Placement(CIRCLE, 28.0, 30.0, 9.0, 0.0), Placement(CIRCLE, 36.0, 30.0, 9.0, 0.0)
    )
    (lower, upper), _ = compose([first, second], [0, 1], SIZE)
    np.testing.assert_array_equal(lower, _sheet(first))
    np.testing.assert_array_equal(upper, _sheet(second))


@pytest.mark.parametrize("channels", [1, 3])
def test_paint_mixes_colour_and_background_by_the_ink(channels):
    rng = np.random.default_rng(0)
    sheets = rng.integers(0, 256, (2, 16, 16)).astype(np.uint8)
    sheets[:, :8, :8] = 0
    colours = rng.integers(0, 256, (2, channels)).tolist()
    background = rng.integers(0, 256, channels).tolist()
    expected = np.full((16, 16, channels), background, float)
    for sheet, colour in zip(sheets, colours, strict=True):
        share = sheet[..., None] / 255
        expected = np.floor(expected * (1 - share) + np.array(colour) * share + 0.499)
    picture = paint(list(sheets), colours, background)
    assert picture.dtype == np.uint8
    assert np.abs(picture - expected).max() <= 1
    np.testing.assert_array_equal(
        picture[:8, :8], np.broadcast_to(background, (8, 8, channels))
    )


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_noise_is_gaussian_and_does_not_wrap(ground):
    picture = np.full((200, 200, 3), ground, np.uint8)
    noisy = add_noise(picture, 10.0, np.random.default_rng(0)).astype(float)
    assert np.abs(noisy - ground).max() < 60
    if ground == 128:
        assert noisy.mean() == pytest.approx(128, abs=0.2)
        assert noisy.std() == pytest.approx(10, abs=0.2)
    else:  # half of it is cut off
        assert (noisy == ground).mean() == pytest.approx(0.52, abs=0.01)
