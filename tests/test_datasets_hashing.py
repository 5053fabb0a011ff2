import hashlib

import numpy as np

from keras_xai.datasets.hashing import hash_arrays


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
