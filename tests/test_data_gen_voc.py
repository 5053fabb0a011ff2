import io

import cv2
import numpy as np
import pytest
from lxml import etree
from PIL import Image

from data_gen.drawing import Box
from data_gen.png import encode_png
from data_gen.polygons import Shape
from data_gen.voc import PALETTE, annotation


def _tree(tag, *children):
    element = etree.Element(tag)
    for child in children:
        if isinstance(child, str):
            element.text = child
        else:
            element.append(child)
    return element


def test_annotations_are_vocs_with_the_target_beside():
    circle, triangle = Shape(0, 1), Shape(3, 1)
    written = annotation(
        "000007",
        image_size=64,
        channels=3,
        objects=[
            (circle, Box(0, 1, 20, 30, True)),
            (triangle, Box(5, 6, 63, 62, False)),
        ],
        target=triangle,
    )
    database = "keras_xai polygons"
    expected = _tree(
        "annotation",
        _tree("folder", "JPEGImages"),
        _tree("filename", "000007.png"),
        _tree(
            "source",
            *(_tree(tag, database) for tag in ("database", "annotation", "image")),
        ),
        _tree("size", _tree("width", "64"), _tree("height", "64"), _tree("depth", "3")),
        _tree("segmented", "1"),
        _tree(
            "target",
            _tree("name", "triangle"),
            _tree("p", "3"),
            _tree("q", "1"),
            _tree("count", "1"),
        ),
        *(
            _tree(
                "object",
                _tree("name", name),
                _tree("pose", "Unspecified"),
                _tree("truncated", truncated),
                _tree("difficult", "0"),
                _tree("bndbox", *map(_tree, ("xmin", "ymin", "xmax", "ymax"), box)),
            )
            for name, truncated, box in (
                ("circle", "1", ("1", "2", "21", "31")),
                ("triangle", "0", ("6", "7", "64", "63")),
            )
        ),
    )
    assert written == etree.tostring(expected, pretty_print=True)


def test_annotations_of_one_set_do_not_mix():
    for size, target in ((32, Shape(3, 1)), (64, Shape(5, 2)), (32, Shape(3, 1))):
        root = etree.XML(
            annotation("a", image_size=size, channels=1, objects=[], target=target)
        )
        assert root.findtext("size/width") == str(size)
        assert root.findtext("target/name") == target.name
        assert root.findtext("target/count") == "0"
        assert root.find("object") is None


def test_palette_is_vocs():
    colours = np.frombuffer(PALETTE, np.uint8).reshape(256, 3).tolist()
    assert colours[:4] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert colours[15] == [192, 128, 128]  # VOC's person
    assert colours[20] == [0, 64, 128]  # VOC's tvmonitor
    assert colours[255] == [224, 224, 192]  # VOC's void


@pytest.mark.parametrize("ground", [(255, 255, 255), (10, 200, 90)])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_files_hold_the_pixels(channels, ground, rng):
    pixels = np.full((19, 30, channels), ground[:channels], np.uint8)
    pixels[5:9, 3:20] = rng.integers(0, 256, (4, 17, channels))
    encoded = encode_png(pixels)
    image = Image.open(io.BytesIO(encoded))
    assert image.mode == {1: "L", 3: "RGB"}[channels]
    np.testing.assert_array_equal(np.array(image).reshape(pixels.shape), pixels)
    flags = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR_RGB}[channels]
    read = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    np.testing.assert_array_equal(read.reshape(pixels.shape), pixels)


def test_masks_are_read_as_indices_and_shown_in_colour(rng):
    mask = rng.integers(0, 256, (12, 17)).astype(np.uint8)
    image = Image.open(io.BytesIO(encode_png(mask, PALETTE)))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.array(image), mask)
    colours = np.frombuffer(PALETTE, np.uint8).reshape(256, 3)
    np.testing.assert_array_equal(np.array(image.convert("RGB")), colours[mask])


@pytest.mark.parametrize("ground", [(255, 255, 255), (10, 200, 90)])
def test_flat_pictures_take_little_room(ground):
    pixels = np.full((224, 224, 3), ground, np.uint8)
    assert len(encode_png(pixels)) < 0.02 * pixels.size
