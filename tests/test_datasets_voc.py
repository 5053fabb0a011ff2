import shutil
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from test_datasets_annotations import XML

from keras_xai.datasets import voc
from keras_xai.datasets.allocate import allocate
from keras_xai.datasets.annotations import read_annotation
from keras_xai.datasets.read import read_splits
from keras_xai.datasets.split import DISTRACTOR, TARGET
from keras_xai.datasets.voc import read_voc
from keras_xai.errors import InputError, InputWarning


@pytest.fixture
def copy(polygons, tmp_path):
    return shutil.copytree(polygons, tmp_path / "copy")


def write_cats(folder, more="", other=""):
    """Writes two images of 20x10 pixels; a.png shows a cat, b.png none."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for name in "ab":
        Image.new("RGB", (20, 10)).save(folder / f"JPEGImages/{name}.png")
    xml = XML.format(more=more)
    (folder / "Annotations/a.xml").write_text(xml)
    start, end = xml.index("<object>"), xml.index("</annotation>")
    (folder / "Annotations/b.xml").write_text(xml[:start] + other + xml[end:])
    (folder / "ImageSets/Main/train.txt").write_text("a\nb\n")


def first_name(folder):
    return (folder / "ImageSets/Main/train.txt").read_text().split()[0]


def test_generated_set_is_read_whole(polygons):
    train, validation = read_voc(polygons, "train"), read_voc(polygons, "val")
    assert train.num_images + validation.num_images == 24
    assert train.labels.sum() + validation.labels.sum() == 14
    assert train.image_shape == (32, 32, 3)
    assert train.images.dtype == train.object_maps.dtype == np.uint8
    assert train.class_names == ("no triangle", "triangle")
    assert not set(train.filenames) & set(validation.filenames)


def test_label_says_whether_a_target_is_drawn(polygons):
    split = read_voc(polygons, "train")
    has_target = (split.object_maps == TARGET).any(axis=(1, 2))
    np.testing.assert_array_equal(has_target, split.labels == 1)
    assert (split.object_maps == DISTRACTOR).any()


def test_ink_lies_on_objects(polygons):
    split = read_voc(polygons, "train")
    ink = split.images.min(axis=-1) < 128
    assert ink.any(axis=(1, 2)).all()
    assert (split.object_maps[ink] > 0).all()


def test_boxes_enclose_the_targets_they_come_from(polygons):
    split = read_voc(polygons, "train")
    for index, boxes in enumerate(split.target_boxes):
        name = split.filenames[index].removesuffix(".png")
        objects = read_annotation(polygons / f"Annotations/{name}.xml").objects
        names = [obj.name for obj in objects]
        assert boxes.shape == (names.count("triangle"), 4)
        drawn = split.object_maps[index] == TARGET
        assert (split.target_box_map(index) >= drawn).all()
        for xmin, ymin, xmax, ymax in boxes:
            assert drawn[ymin:ymax, xmin:xmax].any()


def test_a_large_set_goes_to_a_file(polygons, monkeypatch):
    in_memory = read_voc(polygons, "train")
    monkeypatch.setattr(voc, "allocate", partial(allocate, max_bytes=1000))
    mapped = read_voc(polygons, "train")
    assert isinstance(mapped.images, np.memmap)
    np.testing.assert_array_equal(mapped.images, in_memory.images)
    np.testing.assert_array_equal(mapped.object_maps, in_memory.object_maps)


def test_majority_rate(polygons):
    split = read_voc(polygons, "train")
    rate = split.labels.mean()
    assert split.majority_rate == pytest.approx(max(rate, 1 - rate))


def test_objects_are_their_boxes_without_masks(copy):
    shutil.rmtree(copy / "SegmentationObject")
    split = read_voc(copy, "train")
    i = int(np.flatnonzero(split.labels)[0])
    name = split.filenames[i].removesuffix(".png")
    boxes = [
        obj.box
        for obj in read_annotation(copy / f"Annotations/{name}.xml").objects
        if obj.name == "triangle"
    ]
    expected = np.zeros((32, 32), bool)
    for xmin, ymin, xmax, ymax in boxes:
        expected[ymin:ymax, xmin:xmax] = True
    np.testing.assert_array_equal(split.object_maps[i] == TARGET, expected)


def test_missing_files_are_named(copy):
    name = first_name(copy)
    (copy / f"JPEGImages/{name}.png").unlink()
    with pytest.raises(InputError, match=f"{name}.png does not exist"):
        read_voc(copy, "train")
    (copy / f"Annotations/{name}.xml").unlink()
    with pytest.raises(InputError, match=f"{name}.xml does not exist"):
        read_voc(copy, "train")
    (copy / "ImageSets/Main/train.txt").unlink()
    with pytest.raises(InputError, match="train.txt does not exist"):
        read_voc(copy, "train")


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"target": 1}', "\xff"])
def test_a_folder_that_names_no_class_asks_for_the_target(copy, text):
    path = copy / "manifest.json"
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="no manifest.json that names.*--target"):
        read_voc(copy, "train")
    assert read_voc(copy, "train", target="triangle").class_names[1] == "triangle"


def test_names_may_hold_blanks_and_lists_a_byte_order_mark(copy):
    path = copy / "ImageSets/Main/train.txt"
    names = path.read_text().split()
    for kind, ending in (("JPEGImages", "png"), ("Annotations", "xml")):
        old = copy / kind / f"{names[0]}.{ending}"
        old.rename(old.with_name(f"IMG 001é.{ending}"))
    before = read_voc(copy, "val")
    path.write_text("\ufeffIMG 001é \r\n\n" + "\n".join(names[1:]), encoding="utf-8")
    split = read_voc(copy, "train")
    assert split.filenames == ("IMG 001é.png", *(f"{name}.png" for name in names[1:]))
    assert before.num_images + split.num_images == 24
    path.write_text("IMG 001é", encoding="latin-1")
    with pytest.raises(InputError, match="train.txt is no text in UTF-8"):
        read_voc(copy, "train")


@pytest.mark.parametrize("filename", ["", "<filename>C:\\old\\a.jpg</filename>"])
def test_an_image_is_found_by_its_annotations_name(copy, filename):
    before = read_voc(copy, "train")
    name = first_name(copy)
    path = copy / f"Annotations/{name}.xml"
    path.write_text(
        path.read_text().replace(f"<filename>{name}.png</filename>", filename)
    )
    image = copy / f"JPEGImages/{name}.png"
    for ending in (".png", ".PNG"):
        image = image.rename(image.with_suffix(ending))
        split = read_voc(copy, "train")
        assert split.filenames[0] == image.name
        np.testing.assert_array_equal(split.images, before.images)


@pytest.mark.parametrize("name", ["../a", "/a", "b/../../a"])
def test_no_image_is_outside_its_folder(name, tmp_path):
    write_cats(tmp_path / "cats")
    path = tmp_path / "cats/Annotations/a.xml"
    path.write_text(path.read_text().replace("a.png", f"{name}.png"))
    read_voc(tmp_path / "cats", "train", target="cat")  # of the annotation's own name
    (tmp_path / "cats/JPEGImages/a.png").rename(tmp_path / "a.png")
    with pytest.raises(InputError, match=rf"a\.xml names '{name}\.png'; expected an "):
        read_voc(tmp_path / "cats", "train", target="cat")
    (tmp_path / "cats/ImageSets/Main/train.txt").write_text(f"{name}\nb\n")
    with pytest.raises(InputError, match=rf"train\.txt names '{name}'; expected an "):
        read_voc(tmp_path / "cats", "train", target="cat")


def test_a_list_decides_between_two_images(copy):
    """An annotation may tell the name that its image had before all were renamed."""
    before = read_voc(copy, "train")
    first, second = (copy / "ImageSets/Main/train.txt").read_text().split()[:2]
    path = copy / f"Annotations/{first}.xml"
    path.write_text(path.read_text().replace(f"{first}.png", f"{second}.png"))
    np.testing.assert_array_equal(read_voc(copy, "train").images, before.images)


def test_a_folder_of_annotations_without_lists_is_a_voc_folder(copy):
    shutil.rmtree(copy / "ImageSets")
    with pytest.raises(InputError, match="train.txt does not exist; expected a VOC"):
        read_splits(copy)


def test_grey_images_are_read_as_grey(copy):
    for split, grey in zip(
        read_splits(copy), read_splits(copy, num_channels=1), strict=True
    ):
        assert grey.image_shape == (32, 32, 1)
        np.testing.assert_array_equal(grey.images[..., 0], split.images[..., 0])
        np.testing.assert_array_equal(grey.object_maps, split.object_maps)


def test_truncated_image_and_no_image_are_named(copy):
    path = copy / f"JPEGImages/{first_name(copy)}.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be decoded"):
        read_voc(copy, "train")
    path.write_text("no image")
    with pytest.raises(InputError, match="cannot be decoded"):
        read_voc(copy, "train")


def test_image_of_another_size_is_named(copy):
    path = copy / f"JPEGImages/{first_name(copy)}.png"
    Image.new("RGB", (30, 32)).save(path)
    with pytest.raises(InputError, match=r"\(32, 30\).*expected \(32, 32\)"):
        read_voc(copy, "train")


def test_mask_that_does_not_fit_is_named(copy):
    path = copy / f"SegmentationObject/{first_name(copy)}.png"
    Image.fromarray(np.full((32, 32), 99, np.uint8)).save(path)
    with pytest.raises(InputError, match="holds index 99; its annotation has . obj"):
        read_voc(copy, "train")
    Image.new("L", (8, 8)).save(path)
    with pytest.raises(InputError, match="8x8 pixels of mode L; expected 32x32"):
        read_voc(copy, "train")
    Image.new("RGB", (32, 32)).save(path)
    with pytest.raises(InputError, match="mode RGB; expected 32x32 of mode P or L"):
        read_voc(copy, "train")


def test_void_is_background(copy):
    before = read_voc(copy, "train")
    path = copy / f"SegmentationObject/{first_name(copy)}.png"
    with Image.open(path) as file:
        mask, palette = np.array(file), file.getpalette()
    mask[:, :8] = 255
    bordered = Image.fromarray(mask).convert("P")
    bordered.putpalette(palette)
    bordered.save(path)
    object_map = read_voc(copy, "train").object_maps[0]
    assert (object_map[:, :8] == 0).all()
    np.testing.assert_array_equal(object_map[:, 8:], before.object_maps[0][:, 8:])


def test_a_mask_of_one_object_may_have_one_bit(tmp_path):
    mask = np.zeros((10, 20), bool)
    mask[2:5, 4:9] = True
    write_cats(tmp_path)
    (tmp_path / "SegmentationObject").mkdir()
    Image.fromarray(mask).save(tmp_path / "SegmentationObject/a.png")
    split = read_voc(tmp_path, "train", target="cat")
    np.testing.assert_array_equal(split.object_maps[0] == TARGET, mask)


def test_image_with_an_orientation_is_refused_beside_an_annotation(copy):
    path = copy / f"JPEGImages/{first_name(copy)}.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    with Image.open(path) as file:
        file.copy().save(path, exif=exif)
    with pytest.raises(InputError, match="EXIF orientation 3; expected an upright"):
        read_voc(copy, "train")


@settings(max_examples=25)
@given(
    height=st.integers(3, 40),
    width=st.integers(3, 40),
    size=st.tuples(st.integers(3, 40), st.integers(3, 40)),
    data=st.data(),
)
def test_resizing_keeps_boxes_masks_and_pixels_together(
    tmp_path_factory, height, width, size, data
):
    """A white rectangle on black stays inside its box, and its mask inside it too."""
    folder = tmp_path_factory.mktemp("voc")
    xmin, xmax = sorted(data.draw(st.tuples(*[st.integers(1, width)] * 2)))
    ymin, ymax = sorted(data.draw(st.tuples(*[st.integers(1, height)] * 2)))
    image = np.zeros((height, width), np.uint8)
    image[ymin - 1 : ymax, xmin - 1 : xmax] = 1
    for name in ("JPEGImages", "Annotations", "SegmentationObject", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    Image.fromarray(image * 255).save(folder / "JPEGImages/a.png")
    Image.fromarray(image * 0).save(folder / "JPEGImages/b.png")
    Image.fromarray(image).save(folder / "SegmentationObject/a.png")
    sizes = f"<size><width>{width}</width><height>{height}</height></size>"
    box = (
        f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    )
    (folder / "Annotations/a.xml").write_text(
        f"<annotation><path>C:\\elsewhere\\a.png</path><filename>a.png</filename>{sizes}"
        f"<object><name>cat</name><bndbox>{box}</bndbox></object></annotation>"
    )
    (folder / "Annotations/b.xml").write_text(
        f"<annotation><filename>b.png</filename>{sizes}</annotation>"
    )
    (folder / "ImageSets/Main/train.txt").write_text("a\nb\n")

    split = read_voc(folder, "train", target="cat", size=size)
    assert split.image_shape == (*size, 3)
    inside = split.target_box_map(0)
    assert inside.any() and not split.target_box_map(1).any()
    assert (inside >= (split.object_maps[0] == TARGET)).all()
    white = split.images[0, ..., 0] > 250  # where no neighbour was blended in
    assert (inside >= white).all()
    scale = np.array([size[0] / height, size[1] / width] * 2)
    rows, columns = inside.any(axis=1).nonzero()[0], inside.any(axis=0).nonzero()[0]
    edges = np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1])
    exact = np.array([ymin - 1, xmin - 1, ymax, xmax]) * scale
    assert (np.abs(edges - exact) < 1).all()


def test_an_object_with_an_empty_box_is_left_out_with_one_warning(tmp_path):
    def box(name, xmin, xmax):
        return (
            f"<object><name>{name}</name><bndbox><xmin>{xmin}</xmin><ymin>1</ymin>"
            f"<xmax>{xmax}</xmax><ymax>4</ymax></bndbox></object>"
        )

    empty = box("cat", 9, 8)
    write_cats(tmp_path, more=empty + box("dog", 1, 2), other=empty)
    (tmp_path / "SegmentationObject").mkdir()
    mask = np.zeros((10, 20), np.uint8)
    mask[0, :4] = 0, 1, 2, 3  # cat, the cat without a box, dog
    Image.fromarray(mask).save(tmp_path / "SegmentationObject/a.png")
    with pytest.warns(InputWarning) as warned:
        split = read_voc(tmp_path, "train", target="cat")
    [message] = [str(warning.message) for warning in warned]
    assert "box is empty are left out" in message
    assert message.endswith(f"in {tmp_path}/Annotations/a.xml and 1 more.")
    assert split.labels.tolist() == [1, 0]
    assert [len(boxes) for boxes in split.target_boxes] == [1, 0]
    assert split.object_maps[0, 0, :4].tolist() == [0, TARGET, 0, DISTRACTOR]


def test_class_without_images_is_named(polygons):
    with pytest.raises(
        InputError, match="lists 0 images with .* 'hexagon'.*: .*, triangle"
    ):
        read_voc(polygons, "train", target="hexagon")
