import numpy as np
import pytest
from PIL import Image

from keras_xai.datasets.cue_conflict import read_cue_conflict, textures_of
from keras_xai.errors import InputError
from keras_xai.evaluation.shape_bias import shape_bias

CLASSES = ("bear", "car")


@pytest.fixture
def folder(tmp_path):
    """Ten content images a class, each with three textures."""
    for shape in CLASSES:
        (tmp_path / shape).mkdir()
        for content in range(1, 11):
            for texture in ("bear1", "car1", "car2"):
                path = tmp_path / shape / f"{shape}{content}-{texture}.png"
                Image.new("RGB", (9, 7), (content, 0, 0)).save(path)
    return tmp_path


def contents(split):
    return {name.split("-")[0] for name in split.filenames}


def test_split_by_content_keeps_a_content_image_on_one_side(folder):
    train, validation = read_cue_conflict(folder, size=(8, 8))
    assert (train.num_images, validation.num_images) == (48, 12)
    assert len(contents(train)) == 16 and len(contents(validation)) == 4
    assert not contents(train) & contents(validation)
    assert train.image_shape == (8, 8, 3) and train.class_names == CLASSES
    assert np.bincount(validation.labels).tolist() == [6, 6]
    again, _ = read_cue_conflict(folder, size=(8, 8))
    assert again.filenames == train.filenames
    other, _ = read_cue_conflict(folder, size=(8, 8), seed=1)
    assert other.filenames != train.filenames


def test_split_by_image_lets_contents_leak(folder):
    train, validation = read_cue_conflict(folder, size=(8, 8), split_by="image")
    assert not set(train.filenames) & set(validation.filenames)
    assert contents(train) & contents(validation)


def test_hidden_folders_are_no_classes(folder):
    (folder / ".cache").mkdir()
    assert read_cue_conflict(folder, size=(8, 8))[0].class_names == CLASSES


def test_texture_is_in_the_name(folder):
    _, validation = read_cue_conflict(folder, size=(8, 8))
    expected = [int("-car" in name) for name in validation.filenames]
    assert textures_of(validation).tolist() == expected


def test_other_names_and_folders_are_refused(folder):
    with pytest.raises(InputError, match="nowhere does not exist"):
        read_cue_conflict(folder / "nowhere", size=(8, 8))
    (folder / "car/car1-car1.png").rename(folder / "car/car1-boat1.png")
    with pytest.raises(InputError, match="car1-boat1.png has no name of a cue-con"):
        read_cue_conflict(folder, size=(8, 8))
    for path in (folder / "bear").glob("bear[2-9]*"):
        path.unlink()
    with pytest.raises(InputError, match="bear has 2 content images; expected at l"):
        read_cue_conflict(folder, size=(8, 8))


def test_shape_bias_counts_conflicts_alone():
    shapes = np.array([0, 0, 0, 0, 1, 2])
    textures = np.array([1, 1, 1, 0, 2, 1])
    decisions = np.array([0, 1, 2, 0, 1, 2])
    counts = shape_bias(decisions, shapes, textures)
    assert counts == (5, 3, 1)
    assert counts.shape_bias == 3 / 4
    assert np.isnan(shape_bias(shapes + 5, shapes, textures).shape_bias)
    with pytest.raises(ValueError, match="`decisions`"):
        shape_bias(decisions[:2], shapes, textures)


def test_an_image_in_another_shapes_folder_is_named(folder):
    path = next((folder / "bear").iterdir())
    path.rename(folder / "car" / path.name)
    with pytest.raises(InputError, match="shows the shape 'bear' .*'car', as its"):
        read_cue_conflict(folder, size=(8, 8))
