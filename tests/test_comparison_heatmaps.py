import numpy as np
import pytest
from tiny_comparison import SIZE, build_joint, make_split, peak_memory

from keras_xai.analyzers.network import build_float32
from keras_xai.comparison.heatmaps import (
    BASELINES,
    build_explain,
    open_heatmaps,
    read_seconds_per_image,
    scale_to_peak,
    write_heatmaps,
)


@pytest.fixture
def joint(float32):
    return build_joint()


def test_heatmaps_are_mapped_from_the_file(tmp_path, rng):
    split = make_split(5, rng)
    path = tmp_path / "a.npz"
    write_heatmaps(
        lambda images: images.mean(axis=-1),
        split.images,
        split.filenames,
        path,
        batch_size=2,
    )
    mapped = open_heatmaps(path)
    assert isinstance(mapped, np.memmap) and mapped.dtype == np.float32
    with np.load(path) as arrays:
        np.testing.assert_array_equal(mapped, arrays["heatmap"])
        assert tuple(arrays["filename"]) == split.filenames
        assert read_seconds_per_image(path) == pytest.approx(arrays["seconds"].mean())
    np.testing.assert_allclose(mapped, split.images.mean(axis=-1), rtol=1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_heatmaps_that_are_not_finite_leave_no_file(tmp_path, rng):
    images = make_split(2, rng).images
    with pytest.raises(FloatingPointError):
        write_heatmaps(lambda x: x[..., 0] * np.nan, images, "ab", tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_number_of_heatmaps_written(tmp_path):
    def write(num_images):
        images = np.broadcast_to(np.uint8(7), (num_images, 64, 64, 1))
        path, names = tmp_path / "a.npz", ["a.png"] * num_images
        write_heatmaps(lambda batch: batch[..., 0], images, names, path)

    # NumPy writes in pieces of 16 MiB, which are 1024 of these heatmaps.
    assert peak_memory(write, 4096) < 1.1 * peak_memory(write, 1024)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_do_not_depend_on_the_batch(name, rng):
    images = make_split(4, rng).images
    whole = build_explain(name, None, seed=1)(images)
    explain = build_explain(name, None, seed=1)
    parts = np.concatenate([explain(images[:1]), explain(images[1:])])
    np.testing.assert_array_equal(parts, whole)
    assert whole.shape == (4, SIZE, SIZE) and 0 <= whole.min() <= whole.max() <= 1


def test_peak_is_one_and_what_speaks_against_is_zero():
    heatmaps = np.array([[[-4.0, 2.0], [1.0, 0.0]], [[-1.0, -2.0], [0.0, -3.0]]])
    np.testing.assert_array_equal(
        scale_to_peak(heatmaps), [[[0, 1], [0.5, 0]], [[0, 0], [0, 0]]]
    )


def test_float32_copy_of_a_joint_model_gives_the_same_mask(joint, rng):
    images = make_split(2, rng).images
    expected = joint.predict(images, verbose=0)["mask"]
    copy = build_float32(joint)
    np.testing.assert_allclose(
        copy.predict(images, verbose=0)["mask"], expected, atol=1e-6
    )
    explained = build_explain("joint", copy, seed=0)(images)
    np.testing.assert_allclose(explained, expected[..., 0], atol=1e-6)
