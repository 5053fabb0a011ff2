import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image

from keras_xai.datasets import voc
from keras_xai.datasets.allocate import allocate
from keras_xai.datasets.images import list_images, read_image
from keras_xai.datasets.split import DISTRACTOR, TARGET
from keras_xai.datasets.voc import read_annotation, read_voc
from keras_xai.errors import InputError

XML = """<annotation><filename>a.png</filename>
<size><width>20</width><height>10</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>3</xmin><ymin>1</ymin>
<xmax>20</xmax><ymax>10</ymax></bndbox></object>{more}</annotation>"""


@pytest.fixture
def copy(polygons, tmp_path):
    return shutil.copytree(polygons, tmp_path / "copy")


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
        assert boxes.shape == (int(split.labels[index] == 1) * len(boxes), 4)
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


def test_boxes_become_half_open_and_0_based(tmp_path):
    (tmp_path / "a.xml").write_text(XML.format(more=""))
    annotation = read_annotation(tmp_path / "a.xml")
    assert (annotation.height, annotation.width) == (10, 20)
    assert annotation.objects[0] == ("cat", (2, 0, 20, 10))


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


@pytest.mark.parametrize(
    "text, message",
    [
        ("<annotation>", "not well-formed XML"),
        ("", "not well-formed XML"),
        ("<annotation/>", "no <filename>"),
        (XML.format(more="<object/>"), "no <bndbox/xmin> in <object>"),
        (XML.replace("<xmin>3", "<xmin>left").format(more=""), "'left'.*integer"),
        (
            '<!DOCTYPE annotation [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
            "<annotation><filename>&x;</filename></annotation>",
            "declares a document type",
        ),
        (
            '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "'
            + "&a;" * 10
            + '"><!ENTITY c "'
            + "&b;" * 10
            + '">]><annotation><filename>&c;</filename></annotation>',
            "declares a document type",
        ),
    ],
)
def test_bad_annotation_is_named(text, message, tmp_path):
    path = tmp_path / "bad.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"bad.xml.*{message}"):
        read_annotation(path)


def test_huge_annotation_is_refused_unread(tmp_path):
    path = tmp_path / "huge.xml"
    path.write_text("<annotation>" + " " * 10_000_001)
    with pytest.raises(InputError, match="huge.xml has .* bytes"):
        read_annotation(path)


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
    (copy / "manifest.json").unlink()
    with pytest.raises(InputError, match="manifest.json does not exist"):
        read_voc(copy, "train")


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
    with pytest.raises(InputError, match="holds index 99"):
        read_voc(copy, "train")
    Image.new("L", (8, 8)).save(path)
    with pytest.raises(InputError, match=r"\(8, 8\).*expected \(32, 32\)"):
        read_voc(copy, "train")


def test_class_without_images_is_named(polygons):
    with pytest.raises(InputError, match="lists 0 images with .* 'hexagon'"):
        read_voc(polygons, "train", target="hexagon")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "CMYK"])
def test_every_mode_is_read_as_rgb_and_grey(mode, tmp_path):
    suffix = "tif" if mode == "CMYK" else "png"
    path = tmp_path / f"image.{suffix}"
    Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(path)
    assert read_image(path, 3).shape == (4, 6, 3)
    assert read_image(path, 1).shape == (4, 6, 1)
    assert read_image(path, 3, (8, 3)).shape == (8, 3, 3)
    assert read_image(path, 3).min() > 250


def test_folder_without_images_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no image"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        list_images(tmp_path / "missing")
