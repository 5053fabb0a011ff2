import gzip
import struct

import numpy as np
import pytest

from keras_xai.datasets.idx import read_idx
from keras_xai.errors import InputError


def pack(array):
    header = bytes((0, 0, 8, array.ndim))
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)


def write(path, data):
    path.write_bytes(gzip.compress(data))
    return path


def test_round_trip(tmp_path, images):
    path = write(tmp_path / "a.gz", pack(images))
    np.testing.assert_array_equal(read_idx(path, 3), images)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda data: b"\x00\x00\x0d\x03" + data[4:], "expected 00000803.*00000d03"),
        (lambda data: b"", "Received: nothing"),
        (lambda data: data[:9], "header needs 16 bytes"),
        (lambda data: data[:-1], "expected 60 values.*Received: 59"),
        (lambda data: data + b"\x00", "Received: 61"),
        (lambda data: data[:4] + b"\xff" * 12, "truncated"),
    ],
)
def test_broken_content_is_refused(tmp_path, images, change, message):
    path = write(tmp_path / "a.gz", change(pack(images)))
    with pytest.raises(InputError, match=message):
        read_idx(path, 3)


def test_labels_are_not_taken_for_images(tmp_path):
    path = write(tmp_path / "a.gz", pack(np.zeros(3, np.uint8)))
    with pytest.raises(InputError, match="along 3 axes. Received: 00000801"):
        read_idx(path, 3)


def test_missing_truncated_and_foreign_files_are_refused(tmp_path, images):
    with pytest.raises(InputError, match="does not exist"):
        read_idx(tmp_path / "a.gz", 3)
    path = write(tmp_path / "a.gz", pack(images))
    whole = path.read_bytes()
    for content in (whole[:-9], whole[:20], b"no gzip", b"", whole[:30] + b"\xff" * 9):
        path.write_bytes(content)
        with pytest.raises(InputError, match="a.gz"):
            read_idx(path, 3)
