import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_xai.datasets.arrays import from_arrays, from_batches
from keras_xai.datasets.classification import read_classification
from keras_xai.datasets.read import read_splits
from keras_xai.errors import InputError


@pytest.fixture
def arrays(rng):
    return {
        "x_train": rng.integers(0, 256, (6, 5, 4), dtype=np.uint8),
        "y_train": np.array([0, 1, 2, 0, 1, 2], np.uint8),
        "x_test": rng.integers(0, 256, (2, 5, 4), dtype=np.uint8),
        "y_test": np.array([2, 0], np.uint8),
    }


def test_npz_with_the_names_of_keras_is_read(arrays, tmp_path):
    np.savez(tmp_path / "set.npz", **arrays)
    train, test = read_splits(tmp_path / "set.npz")
    np.testing.assert_array_equal(train.images[..., 0], arrays["x_train"])
    np.testing.assert_array_equal(test.labels, arrays["y_test"])
    assert train.class_names == ("0", "1", "2") and train.object_maps is None
    scaled, _ = read_classification(tmp_path / "set.npz", size=(8, 8))
    assert scaled.image_shape == (8, 8, 1)
    np.savez(tmp_path / "set.npz", class_names=["a", "b", "c"], **arrays)
    assert read_splits(tmp_path / "set.npz")[1].class_names == ("a", "b", "c")


def test_broken_npz_is_named(arrays, tmp_path):
    path = tmp_path / "set.npz"
    with pytest.raises(InputError, match="set.npz does not exist"):
        read_splits(path)
    path.write_text("no archive")
    with pytest.raises(InputError, match="set.npz is no .npz file"):
        read_splits(path)
    np.savez(path, x_train=arrays["x_train"])
    with pytest.raises(InputError, match="set.npz has no array `y_train`"):
        read_splits(path)
    np.savez(path, **arrays | {"y_test": np.array([1])})
    with pytest.raises(InputError, match="set.npz: Labels do not fit; expected 2"):
        read_splits(path)
    for y_train in (np.array(["a", "b"] * 3), np.full(6, np.nan)):
        np.savez(path, **arrays | {"y_train": y_train})
        with pytest.raises(InputError, match="Labels do not fit; expected 6 integers"):
            read_splits(path)
    np.save(tmp_path / "array.npy", arrays["x_train"])
    (tmp_path / "array.npy").rename(path)
    with pytest.raises(InputError, match="set.npz is no .npz file"):
        read_splits(path)
    np.savez(path, **arrays, class_names=["a", "b", "a"])
    with pytest.raises(InputError, match="set.npz: Two classes have one name.*a, b, a"):
        read_splits(path)


def test_floats_become_8_bits(rng):
    images = rng.integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    split = from_arrays(images / 255, [0, 1, 1], ("a", "b"))
    np.testing.assert_array_equal(split.images, images)
    assert split.labels.dtype == np.int32 and split.majority_rate == 2 / 3


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (np.zeros((2, 5, 4, 2), np.uint8), [0, 1], r"wrong shape.*\(2, 5, 4, 2\)"),
        (np.zeros((0, 5, 4), np.uint8), [], "wrong shape"),
        (np.full((2, 5, 4), 2.0), [0, 1], r"expected values in \[0, 1\].*2.0 to 2.0"),
        (np.zeros((2, 5, 4), np.int64), [0, 1], "expected uint8.*int64"),
        (np.zeros((2, 5, 4), np.uint8), [0, 1, 1], "expected 2 integers"),
        (np.zeros((2, 5, 4), np.uint8), [0.0, 1.0], "of float64"),
        (np.zeros((2, 5, 4), np.uint8), [0, 2], "expected 0 to 1. Received: 0 to 2"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(images, labels, message):
    with pytest.raises(InputError, match=message):
        from_arrays(images, labels, ("a", "b"))


class Halves(keras.utils.PyDataset):
    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels

    def __len__(self):
        return 2

    def __getitem__(self, index):
        half = slice(3 * index, 3 * index + 3)
        return self.images[half], self.labels[half]


def test_tf_data_and_py_dataset_are_collected(arrays):
    images, labels = arrays["x_train"], arrays["y_train"]
    one_hot = np.eye(3)[labels]
    dataset = tf.data.Dataset.from_tensor_slices((images, one_hot)).batch(4)
    for batches in (dataset, Halves(images, labels), iter(dataset)):
        split = from_batches(batches, ("a", "b", "c"))
        np.testing.assert_array_equal(split.images[..., 0], images)
        np.testing.assert_array_equal(split.labels, labels)
    with pytest.raises(InputError, match="no batch"):
        from_batches([], ("a", "b"))
    unfit = {"3 arrays": (images, labels, labels), "ndarray": images, "dict": {"x": 1}}
    for what, batch in unfit.items():
        with pytest.raises(InputError, match=f"a pair of images and labels.*{what}"):
            from_batches([batch], ("a", "b", "c"))
    with pytest.raises(InputError, match="images of shape .2, 4.; expected .5, 4."):
        from_batches([(images, labels), (images[:, :2], labels)], ("a", "b", "c"))
