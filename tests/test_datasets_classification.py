import gzip
import lzma
import os
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_datasets_idx import pack

from keras_xai.datasets.classification import (
    FASHION_CLASSES,
    find_dataset,
    read_classification,
)
from keras_xai.errors import InputError, InputWarning

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("KERAS_XAI_DATA", ROOT / "work" / "data"))


def needs(name):
    return pytest.mark.skipif(
        not (DATA / name).is_dir(),
        reason=f"{name} is not in work/data, or where KERAS_XAI_DATA says",
    )


def write_idx_set(folder, rng, labels=range(10)):
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.array(labels, np.uint8)
    for prefix in ("train", "t10k"):
        images = rng.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{prefix}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(pack(array)))
    return folder


def write_images(folder, num_images, size=(6, 5), mode="RGB"):
    folder.mkdir(parents=True)
    for i in range(num_images):
        colour = i if mode == "L" else (i, 0, 0)
        Image.new(mode, size, colour).save(folder / f"{folder.name}_{i}.png")


def test_idx_set_as_stored_and_scaled(tmp_path, rng):
    folder = write_idx_set(tmp_path / "fashion-mnist", rng)
    train, test = read_classification(folder)
    assert train.image_shape == (28, 28, 1) and train.images.dtype == np.uint8
    assert train.labels.tolist() == list(range(10)) and train.labels.dtype == np.int32
    assert train.class_names == FASHION_CLASSES and train.object_maps is None
    assert test.filenames[3] == "t10k-00003"
    scaled, _ = read_classification(folder, size=(32, 32))
    grey = Image.fromarray(train.images[0, ..., 0])
    expected = grey.resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(scaled.images[0, ..., 0], expected)


def test_idx_set_with_wrong_labels_is_refused(tmp_path, rng):
    with pytest.raises(InputError, match="expected 0 to 9. Received: 10 among 2"):
        read_classification(write_idx_set(tmp_path / "a", rng, labels=(0, 10)))
    folder = write_idx_set(tmp_path / "b", rng)
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(pack(np.zeros(3, np.uint8))))
    with pytest.raises(InputError, match="has 3 labels; expected 10"):
        read_classification(folder)
    path.unlink()
    with pytest.raises(InputError, match="t10k-labels.* does not exist"):
        read_classification(folder)


@pytest.mark.parametrize("test_part", ["val", "valid", "test"])
def test_class_folders_with_a_test_set(test_part, tmp_path):
    for part, num_images in (("train", 3), (test_part, 2)):
        for name in ("cat", "dog"):
            write_images(tmp_path / part / name, num_images)
    train, test = read_classification(tmp_path, num_channels=1)
    assert train.images.shape == (6, 5, 6, 1) and test.num_images == 4
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert train.class_names == ("cat", "dog")
    resized, _ = read_classification(tmp_path, size=(8, 9))
    assert resized.image_shape == (8, 9, 3)


def test_a_class_that_only_the_test_set_has_is_told(tmp_path):
    for name in ("train/cat", "train/dog", "val/cat", "val/dog", "val/emu"):
        write_images(tmp_path / name, 2)
    with pytest.warns(InputWarning, match="val has classes .* left out: emu"):
        _, test = read_classification(tmp_path)
    assert test.num_images == 4


def test_a_class_may_be_called_train(tmp_path):
    for name in ("bus", "train"):
        write_images(tmp_path / name, 5)
    train, _ = read_classification(tmp_path)
    assert train.class_names == ("bus", "train")


def test_hidden_files_are_no_images_and_names_are_utf_8(tmp_path):
    for name in ("a", "b"):
        write_images(tmp_path / name, 5)
    (tmp_path / "a" / "._a_0.png").write_bytes(b"of another system")
    assert read_classification(tmp_path)[0].num_images == 8
    os.rename(tmp_path / "a" / "a_0.png", os.fsencode(tmp_path) + b"/a/caf\xe9.png")
    with pytest.raises(InputError, match=r"no UTF-8.*caf\\udce9\.png"):
        read_classification(tmp_path)


def test_class_folders_without_a_test_set_give_every_fifth_image(tmp_path):
    for name in ("a", "b"):
        write_images(tmp_path / name, 5)
    train, test = read_classification(tmp_path)
    assert test.filenames == ("a_4.png", "b_4.png")
    assert test.labels.tolist() == [0, 1]
    assert not set(test.filenames) & set(train.filenames) and train.num_images == 8


def test_folders_that_hold_no_classes_are_refused(tmp_path):
    with pytest.raises(InputError, match="missing does not exist"):
        read_classification(tmp_path / "missing")
    write_images(tmp_path / "only", 5)
    with pytest.raises(InputError, match="has 1 folders of images"):
        read_classification(tmp_path)
    write_images(tmp_path / "other", 1, size=(7, 7))
    with pytest.raises(InputError, match=r"other_0.png has shape \(7, 7, 3\)"):
        read_classification(tmp_path)


def write_tiny_imagenet(root):
    for wnid in ("n01", "n02"):
        write_images(root / "train" / wnid / "images", 3, size=(8, 8), mode="L")
    (root / "val" / "images").mkdir(parents=True)
    lines = []
    for i, wnid in enumerate(("n02", "n99", "n01")):
        Image.new("RGB", (8, 8)).save(root / "val" / "images" / f"val_{i}.png")
        lines.append(f"val_{i}.png\t{wnid}\t0\t0\t7\t7")
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")


def test_a_bad_list_of_tiny_imagenet_is_named(tmp_path):
    write_tiny_imagenet(tmp_path)
    (tmp_path / "train" / ".cache").mkdir()  # no class
    path = tmp_path / "val" / "val_annotations.txt"
    path.write_text(path.read_text() + "\n")
    assert read_classification(tmp_path)[0].class_names == ("n01", "n02")
    path.write_text("val_0.png n02\n")
    with pytest.raises(InputError, match="annotations.txt holds a bad.*val_0.png n02"):
        read_classification(tmp_path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="val_annotations.txt is no text in UTF-8"):
        read_classification(tmp_path)
    path.write_text("val_0.png\tn99\n")
    with pytest.raises(InputError, match="no image of the classes n01, n02"):
        read_classification(tmp_path)


@pytest.mark.parametrize("kind", ["gz", "xz"])
def test_a_damaged_archive_is_named(kind, tmp_path, rng):
    noise = tarfile.TarInfo("noise")
    noise.size = 100_000
    half = noise.tobuf() + rng.bytes(50_000)
    if kind == "gz":
        packer = zlib.compressobj(wbits=31)
        content = packer.compress(half) + packer.flush(zlib.Z_FULL_FLUSH)
    else:
        content = lzma.compress(half)[:-100]
    path = tmp_path / f"tiny-imagenet.tar.{kind}"
    path.write_bytes(content + 100 * b"\xff")
    with pytest.raises(InputError, match=f"tar.{kind} cannot be extracted"):
        read_classification(tmp_path)


def test_tiny_imagenet_from_archives_and_extracted(tmp_path):
    root = tmp_path / "plain" / "tiny-imagenet-200"
    write_tiny_imagenet(root)
    packed = tmp_path / "packed"
    packed.mkdir()
    for part in ("train", "val"):
        with tarfile.open(packed / f"tiny-imagenet-{part}.tar.xz", "w:xz") as archive:
            archive.add(root / part, f"tiny-imagenet-200/{part}")
    (packed / "classes.tsv").write_text("wnid\tname\nn01\tbear\n")
    for folder, names in ((packed, ("bear", "n02")), (root.parent, ("n01", "n02"))):
        train, test = read_classification(folder)
        assert train.class_names == names
        assert train.images.shape == (6, 8, 8, 3)
        assert test.labels.tolist() == [1, 0]  # n99 has no training images
    broken = packed / "tiny-imagenet-val.tar.xz"
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(InputError, match="val.tar.xz cannot be extracted"):
        read_classification(packed)


def test_a_data_set_that_is_nowhere_is_refused(tmp_path):
    (tmp_path / "digits").mkdir()
    assert find_dataset("digits", tmp_path) == tmp_path / "digits"
    (tmp_path / "mnist").write_text("no folder")
    (tmp_path / "mnist.npz").touch()
    assert find_dataset("mnist", tmp_path) == tmp_path / "mnist.npz"
    with pytest.raises(InputError, match=r"no-such-set is not there.*usr/share"):
        find_dataset("no-such-set", tmp_path)


@needs("fashion-mnist")
def test_fashion_mnist_has_the_known_counts():
    train, test = read_classification(DATA / "fashion-mnist")
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
    energy = np.square(test.images / 255).sum(axis=(1, 2, 3)).mean()
    assert energy == pytest.approx(161.9, abs=0.1)  # squared error of a black image


@needs("mnist")
def test_mnist_has_the_known_counts():
    train, test = read_classification(DATA / "mnist")
    assert np.bincount(train.labels).tolist()[:3] == [5923, 6742, 5958]
    assert np.bincount(test.labels).tolist()[:3] == [980, 1135, 1032]
    assert train.class_names == tuple("0123456789")


@pytest.mark.slow
@needs("tiny-imagenet")
def test_tiny_imagenet_has_the_known_counts():
    train, test = read_classification(DATA / "tiny-imagenet")
    assert train.images.shape == (13_000, 64, 64, 3)
    assert np.bincount(test.labels).tolist() == [50] * 26
