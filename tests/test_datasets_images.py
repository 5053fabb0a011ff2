"""Image files of every kind, decoded alike or refused in one sentence."""

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from keras_xai.datasets.arrays import from_arrays
from keras_xai.datasets.collection import from_split, open_images
from keras_xai.datasets.images import fit_image, list_images, read_image
from keras_xai.errors import InputError

COLOURS = [(255, 255, 255), (0, 0, 0), (200, 0, 0), (0, 100, 0), (10, 20, 230)]
GREYS = [255, 0, 60, 59, 41]  # .299 red + .587 green + .114 blue


@pytest.mark.parametrize(
    "mode, expected",
    [
        ("RGB", COLOURS),
        ("RGBA", COLOURS),
        ("P", COLOURS),
        ("CMYK", COLOURS),
        ("L", [(grey, grey, grey) for grey in GREYS]),
        ("1", [(255, 255, 255), *[(0, 0, 0)] * 4]),
    ],
)
def test_every_mode_is_read_as_rgb_and_grey(mode, expected, tmp_path):
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    pixels = np.array([COLOURS], np.uint8)
    options = {"palette": Image.Palette.ADAPTIVE, "dither": Image.Dither.NONE}
    Image.fromarray(pixels).convert(mode, **options).save(path)
    assert read_image(path, 3).tolist() == [list(map(list, expected))]
    greys = [[round(np.dot(rgb, (0.299, 0.587, 0.114)))] for rgb in expected]
    assert read_image(path, 1).tolist() == [greys]
    assert read_image(path, 3, (8, 3)).shape == (8, 3, 3)


def test_an_array_is_fitted_as_a_file_is(tmp_path, rng):
    pixels = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    for how in ((3, None), (1, None), (3, (9, 4)), (1, (9, 4))):
        np.testing.assert_array_equal(fit_image(pixels, *how), read_image(path, *how))
    grey = fit_image(pixels, 1)
    np.testing.assert_array_equal(fit_image(grey, 3), np.repeat(grey, 3, axis=2))


def test_orientation_turns_an_image_upright(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned by 90 degrees clockwise
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    expected = np.zeros((6, 4, 3), np.uint8)
    expected[:, -1] = 255
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 3), expected)


def test_transparency_lies_on_white(tmp_path):
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "rgba.png")
    Image.new("LA", (2, 2), (0, 0)).save(tmp_path / "la.png")
    Image.new("P", (2, 2), 0).save(tmp_path / "p.png", transparency=0)
    for name in ("rgba", "la", "p"):
        assert read_image(tmp_path / f"{name}.png", 3).min() == 255


def test_16_bits_keep_their_range_and_32_are_refused(tmp_path):
    values = np.array([[0, 257, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", 1)[0, :, 0].tolist() == [0, 1, 255]
    Image.fromarray(values.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="a.tif has 32 bits a value"):
        read_image(tmp_path / "a.tif", 1)


@pytest.mark.parametrize("suffix", ["gif", "png", "tif", "webp"])
def test_animated_image_is_refused(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=rf"a.{suffix} has 3 frames"):
        read_image(path, 3)


def test_of_a_photograph_with_a_preview_the_photograph_is_read(tmp_path):
    path = tmp_path / "camera.jpg"
    preview = Image.new("RGB", (4, 4), "blue")
    photograph = Image.new("RGB", (16, 8), "red")
    photograph.save(path, "MPO", save_all=True, append_images=[preview])
    assert Image.open(path).n_frames == 2
    red, green, blue = read_image(path, 3).reshape(-1, 3).T
    assert red.size == 16 * 8
    assert red.min() > 240 and green.max() < 15 and blue.max() < 15


def test_a_broken_png_is_named(tmp_path, rng):
    path = tmp_path / "a.png"
    noise = rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    start, first, second = content.split(b"IDAT")  # chunks of pixels
    path.write_bytes(start + b"IDAT" + first + b"\xff\xff\xff\xff" + second)
    with pytest.raises(InputError, match="a.png cannot be decoded"):
        read_image(path, 3)


def test_a_png_with_a_huge_text_is_named(tmp_path):
    path = tmp_path / "a.png"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("comment", "a" * 2**21, zip=True)
    Image.new("RGB", (8, 8)).save(path, pnginfo=texts)
    with pytest.raises(InputError, match="a.png cannot be decoded"):
        read_image(path, 3)


def test_colours_that_cannot_be_converted_are_named(tmp_path):
    Image.new("LAB", (8, 8)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="a.tif cannot be decoded.*LAB"):
        read_image(tmp_path / "a.tif", 1)


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (3, 2), len(path.name)).save(path)


def test_images_of_class_folders_keep_their_folder_in_their_name(tmp_path):
    for name in ("test/cat/a.png", "test/dog/a.png", "test/dog/b.PNG", ".old/c.png"):
        save(tmp_path / name)
    (tmp_path / "test" / "loop").symlink_to(tmp_path)
    images = open_images(tmp_path)
    assert images.filenames == ("test/cat/a.png", "test/dog/a.png", "test/dog/b.PNG")
    assert images.load(2, 1, None).tolist() == [[[5]] * 3] * 2
    alone = open_images(tmp_path / "test" / "dog" / "b.PNG")
    assert alone.filenames == ("b.PNG",) and alone.load(0, 1, None).shape == (2, 3, 1)
    save(tmp_path / "own.png")  # a folder's own images come alone
    assert open_images(tmp_path).filenames == ("own.png",)
    save(tmp_path / "JPEGImages" / "v.png")  # as in VOC's layout
    assert open_images(tmp_path).filenames == ("v.png",)


@pytest.mark.parametrize("names", [["x_test", "x_train"], ["anything"]])
def test_images_of_an_array_are_numbered(names, tmp_path, rng):
    path = tmp_path / "set.npz"
    arrays = {name: rng.random((2, 5, 4)) for name in names}
    np.savez(path, **arrays)
    images = open_images(path)
    assert images.filenames == ("000000", "000001")
    expected = np.round(arrays[names[0]][1] * 255)
    np.testing.assert_array_equal(images.load(1, 1, None)[..., 0], expected)
    assert images.load(0, 3, (6, 7)).shape == (6, 7, 3)


def test_images_of_a_split_are_a_collection(rng):
    pixels = rng.integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)
    split = from_arrays(pixels, [0, 1], ("a", "b"))
    images = from_split(split)
    assert images.filenames == ("image-00000", "image-00001")
    np.testing.assert_array_equal(images.load(1, 3, None), pixels[1])
    with pytest.raises(InputError, match="Two images of the split have one name"):
        from_split(split._replace(filenames=("x", "x")))


def test_arrays_that_are_no_images_are_named(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(InputError, match="no array `x_test`.*Received: a, b"):
        open_images(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(InputError, match="set.npz: Images have a wrong shape"):
        open_images(path)


def test_folder_without_images_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no image"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        list_images(tmp_path / "missing")
    (tmp_path / "list.txt").touch()
    with pytest.raises(InputError, match="list.txt is no folder"):
        open_images(tmp_path / "list.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        open_images(tmp_path)
