import hashlib

import numpy as np

from keras_xai.datasets.hashing import hash_arrays, hash_splits
from keras_xai.datasets.split import Split


def test_hash_is_that_of_the_bytes_in_order(rng):
    images = rng.integers(0, 256, (3, 4, 5, 1), dtype=np.uint8)
    weights = rng.normal(size=(4, 2)).astype(np.float32).T  # not contiguous
    scalar = np.array(7, np.int64)
    expected = hashlib.sha256(
        images.tobytes() + np.ascontiguousarray(weights).tobytes() + scalar.tobytes()
    )
    assert hash_arrays([images, weights, scalar]) == expected.hexdigest()[:16]
    assert hash_arrays([weights, images, scalar]) != hash_arrays(
        [images, weights, scalar]
    )


def test_a_memory_map_has_the_hash_of_its_array(tmp_path, rng):
    array = rng.normal(size=(6, 3)).astype(np.float32)
    np.save(tmp_path / "array.npy", array)
    mapped = np.load(tmp_path / "array.npy", mmap_mode="r")
    assert hash_arrays([mapped]) == hash_arrays([array])


def test_data_are_told_apart_by_images_labels_and_annotations(rng):
    images = rng.integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    labels = np.array([0, 1], np.int32)
    names = ("a", "b")
    bare = Split(images, labels, None, names, names)
    maps = np.zeros((2, 4, 5), np.uint8)
    box, none = np.ones((1, 4), np.int32), np.zeros((0, 4), np.int32)
    splits = [
        bare,
        bare._replace(images=images[::-1]),
        bare._replace(labels=labels[::-1]),
        bare._replace(object_maps=maps),
        bare._replace(object_maps=maps, target_boxes=(box, none)),
        bare._replace(object_maps=maps, target_boxes=(none, box)),
    ]
    assert len({hash_splits([split]) for split in splits}) == len(splits)
    assert hash_splits([bare, splits[1]]) != hash_splits([splits[1], bare])
    assert hash_splits([bare._replace(filenames=("c", "d"))]) == hash_splits([bare])
