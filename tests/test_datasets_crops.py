"""Windows around boxes and beside them, cut out of synthetic photographs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_xai.datasets.crops import read_crops
from keras_xai.datasets.split import DISTRACTOR, TARGET
from keras_xai.errors import InputError, InputWarning

WIDTH, HEIGHT = 320, 200
BOX = (10, 60, 70, 120)  # 0-based and half-open; room for 250 pixels beside it
BIRD = (200, 0, 320, 200)
COLOURS = {"raccoon": (255, 0, 0), "bird": (0, 0, 255)}

OBJECT = """<object><name>{name}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>
<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"""
XML = """<annotation><filename>{name}.png</filename><size><width>{width}</width>
<height>{height}</height><depth>3</depth></size>{objects}</annotation>"""


def write_photograph(folder, name, objects, *, seed, size=(WIDTH, HEIGHT)):
    """Writes grey squares with one-coloured objects on them, and the annotation."""
    width, height = size
    squares = np.random.default_rng(seed).integers(0, 200, (10, 16, 1), np.uint8)
    image = squares.repeat(20, 0).repeat(20, 1).repeat(3, 2)[:height, :width]
    elements = []
    for kind, (x0, y0, x1, y1) in objects:
        image[y0:y1, x0:x1] = COLOURS[kind]
        elements.append(OBJECT.format(name=kind, x0=x0 + 1, y0=y0 + 1, x1=x1, y1=y1))
    (folder / "JPEGImages").mkdir(exist_ok=True)
    (folder / "Annotations").mkdir(exist_ok=True)
    Image.fromarray(image).save(folder / f"JPEGImages/{name}.png")
    xml = XML.format(name=name, width=width, height=height, objects="".join(elements))
    (folder / f"Annotations/{name}.xml").write_text(xml)


@pytest.fixture
def folder(tmp_path):
    """Eight photographs of a raccoon and a bird, told apart by the background."""
    for seed in range(8):
        objects = (("raccoon", BOX), ("bird", BIRD))
        write_photograph(tmp_path, f"photo_{seed}", objects, seed=seed)
    return tmp_path


def window_of(filename):
    photograph, x, y, side = Path(filename).stem.rsplit("_", 3)
    return photograph, int(x), int(y), int(side)


def photographs(split):
    return {window_of(name)[0] for name in split.filenames}


def read(folder, **options):
    return read_crops(folder, target="raccoon", image_size=64, **options)


def test_positives_hold_the_box_and_negatives_touch_none(folder):
    train, validation = read(folder, windows_per_box=3)
    assert (train.num_images, validation.num_images) == (36, 12)
    assert train.image_shape == (64, 64, 3) and train.images.dtype == np.uint8
    assert train.class_names == ("no raccoon", "raccoon")
    assert train.majority_rate == validation.majority_rate == 0.5
    x0, y0, x1, y1 = BOX
    for split in (train, validation):
        for label, filename in zip(split.labels, split.filenames, strict=True):
            _, x, y, side = window_of(filename)
            assert 0 <= x <= WIDTH - side and 0 <= y <= HEIGHT - side
            if label:
                assert x <= x0 and y <= y0 and x + side >= x1 and y + side >= y1
                assert 1.25 * 60 <= side <= 3 * 60 + 1
            else:
                assert x >= x1 or y >= y1 or x + side <= x0 or y + side <= y0
                assert side >= 80


def test_a_negative_is_about_as_large_as_its_positive(folder):
    train, _ = read(folder, windows_per_box=5)
    sides = np.array([window_of(name)[3] for name in train.filenames])
    assert (train.labels[::2] == 1).all() and (train.labels[1::2] == 0).all()
    assert np.abs(np.maximum(sides[::2], 80) - sides[1::2]).max() <= 3


def test_boxes_and_maps_follow_the_pixels(folder):
    train, _ = read(folder, windows_per_box=2)
    for i in range(train.num_images):
        red, green, blue = np.moveaxis(train.images[i].astype(int), -1, 0)
        inside = train.target_box_map(i)
        assert np.array_equal(inside, train.object_maps[i] == TARGET)
        assert inside.any() == train.labels[i]
        # Resizing blurs a pixel or two at an object's edge.
        assert ((red - green > 250) <= inside).all()
        assert (inside & (red - green < 50)).sum() <= 4 * 64 * train.labels[i]
        is_bird = train.object_maps[i] == DISTRACTOR
        assert ((blue - green > 250) <= is_bird).all()


def test_an_object_that_fills_the_photograph_gives_positives_alone(folder):
    write_photograph(folder, "near", [("raccoon", (20, 0, 320, 200))], seed=50)
    train, validation = read(folder)
    found = [
        (label, window_of(name))
        for split in (train, validation)
        for label, name in zip(split.labels, split.filenames, strict=True)
        if name.startswith("near")
    ]
    assert len(found) == 1 and found[0][0] == 1
    _, x, y, side = found[0][1]
    assert (y, side) == (0, 200) and 20 <= x <= 120


def test_a_photograph_is_on_one_side_and_the_seed_decides(folder):
    train, validation = read(folder)
    assert not photographs(train) & photographs(validation)
    assert len(photographs(validation)) == 2
    again, _ = read(folder)
    assert again.filenames == train.filenames
    assert np.array_equal(again.images, train.images)
    others = [photographs(read(folder, seed=seed)[1]) for seed in range(1, 6)]
    assert any(other != photographs(validation) for other in others)


def test_copies_of_a_photograph_stay_together(folder):
    for seed, box in ((0, (12, 60, 72, 120)), (1, (10, 55, 70, 115))):
        objects = (("raccoon", box), ("bird", BIRD))
        write_photograph(folder, f"photo_{seed}copy", objects, seed=seed)
    for seed in range(6):
        sides = [photographs(split) for split in read(folder, seed=seed)]
        for name in ("photo_0", "photo_1"):
            assert any({name, f"{name}copy"} <= side for side in sides)


def test_photographs_without_the_target_are_not_used(folder):
    write_photograph(folder, "empty", [("bird", BIRD)], seed=60)
    train, validation = read(folder)
    assert "empty" not in photographs(train) | photographs(validation)


def test_a_box_without_a_pixel_is_left_out_with_one_warning(folder):
    before, _ = read(folder)
    path = folder / "Annotations/photo_3.xml"
    empty = OBJECT.format(name="raccoon", x0=9, y0=9, x1=8, y1=8)
    path.write_text(path.read_text().replace("</annotation>", empty + "</annotation>"))
    with pytest.warns(InputWarning, match="left out.*: in .*photo_3.xml.$") as warned:
        train, _ = read(folder)
    assert len(warned) == 1
    np.testing.assert_array_equal(train.images, before.images)


def test_a_photograph_is_found_by_its_annotations_name(folder):
    before, _ = read(folder)
    for path in (folder / "Annotations").iterdir():
        path.write_text(path.read_text().replace(f"{path.stem}.png", path.stem))
    train, _ = read(folder)
    assert train.filenames == before.filenames


def test_bad_folders_are_refused(folder, tmp_path):
    with pytest.raises(InputError, match="nowhere.*holds no annotation"):
        read(tmp_path / "nowhere")
    with pytest.raises(
        InputError, match="no object 'wolf'; expected one of: bird, racc"
    ):
        read_crops(folder, target="wolf", image_size=64)
    path = folder / "JPEGImages/photo_3.png"
    Image.new("RGB", (30, 20)).save(path)
    with pytest.raises(InputError, match="photo_3.png has height and width"):
        read(folder)
    path.unlink()
    with pytest.raises(InputError, match="photo_3.png does not exist"):
        read(folder)


def test_a_class_without_windows_is_refused(tmp_path):
    for seed in range(8):
        objects = [("raccoon", (0, 0, 99, 99))]
        write_photograph(tmp_path, f"p{seed}", objects, seed=seed, size=(100, 100))
    with pytest.raises(InputError, match="6 windows with and 0 without 'raccoon'"):
        read(tmp_path)
