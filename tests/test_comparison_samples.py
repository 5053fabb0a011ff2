import shutil

import numpy as np
import pytest
from PIL import Image

from keras_xai.comparison.samples import draw_order, read_sample
from keras_xai.datasets.split import TARGET
from keras_xai.errors import InputError

SIZE = 16


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.618, 0.382], [0.1, 0.3, 0.6]])
def test_every_beginning_of_the_order_holds_the_classes_in_their_shares(shares):
    labels = np.repeat(np.arange(len(shares)), (100 * np.array(shares)).astype(int))
    order = draw_order(labels, seed=4)
    assert sorted(order) == list(range(len(labels)))
    counts = np.array(
        [
            np.bincount(labels[order[:k]], minlength=len(shares))
            for k in range(1, len(labels) + 1)
        ]
    )
    expected = (
        np.arange(1, len(labels) + 1)[:, None] * np.bincount(labels) / len(labels)
    )
    assert np.abs(counts - expected).max() < len(shares)
    assert (draw_order(labels, seed=5) != order).any()


def test_sample_knows_targets_and_boxes_of_the_images_it_takes(polygons):
    sample = read_sample(polygons, (32, 32, 3), target="triangle")
    split = sample.split
    assert sample.num_available == split.num_images == 6
    assert sample.train.num_images == 18
    np.testing.assert_array_equal(sample.targets.images, np.flatnonzero(split.labels))
    np.testing.assert_array_equal(sample.boxes.images, np.flatnonzero(split.labels))
    positives = sample.targets.images
    filled = split.object_maps[positives] == 2
    grown = sample.targets.draw(positives)
    assert (grown & filled == filled).all() and grown.sum() > filled.sum()
    xmin, ymin, xmax, ymax = split.target_boxes[positives[0]][0]
    box = np.zeros((32, 32), bool)
    box[ymin:ymax, xmin:xmax] = True
    np.testing.assert_array_equal(sample.boxes.draw(positives[:1])[0], box)


def test_targets_may_be_taken_as_they_are(polygons):
    sample = read_sample(polygons, (32, 32, 3), target="triangle", target_margin=0)
    exact = sample.split.object_maps[sample.targets.images] == TARGET
    np.testing.assert_array_equal(sample.targets.draw(sample.targets.images), exact)


def test_sample_is_a_beginning_of_the_whole(polygons):
    some, whole = (
        read_sample(polygons, (32, 32, 3), target="triangle", num_images=n).split
        for n in (4, 100)
    )
    assert some.filenames == whole.filenames[:4]
    np.testing.assert_array_equal(some.images, whole.images[:4])


def test_sample_is_resized_to_what_the_classifier_takes(polygons):
    sample = read_sample(polygons, (16, 24, 3), target="triangle")
    assert sample.split.image_shape == (16, 24, 3)
    assert sample.boxes.draw(sample.boxes.images[:1]).shape == (1, 16, 24)


def test_splits_are_taken_as_they_are(polygons, splits):
    of_path = read_sample(polygons, (32, 32, 3), target="triangle", seed=2)
    of_splits = read_sample(splits, (32, 32, 3), seed=2)
    assert of_splits.split.filenames == of_path.split.filenames
    np.testing.assert_array_equal(of_splits.split.images, of_path.split.images)
    np.testing.assert_array_equal(of_splits.targets.images, of_path.targets.images)
    with pytest.raises(InputError, match=r"The splits have .*\(32, 32, 3\); expected"):
        read_sample(splits, (16, 16, 3))
    with pytest.raises(InputError, match="`target`. It is for a folder in VOC layout"):
        read_sample(splits, (32, 32, 3), target="triangle")


def test_without_annotations_no_target_is_known(tmp_path, rng):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(5):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    sample = read_sample(tmp_path, (None, None, 3))
    assert sample.targets is None and sample.boxes is None
    assert sample.split.class_names == ("a", "b")


def test_a_data_set_that_does_not_name_its_target_asks_for_it(tmp_path):
    (tmp_path / "ImageSets").mkdir()
    with pytest.raises(InputError, match="no manifest.json.*--target"):
        read_sample(tmp_path, (8, 8, 3))


def test_a_target_is_known_where_a_mask_is(polygons, tmp_path):
    """Others are their boxes alone; a mask is found by its annotation's name."""
    folder = tmp_path / "set"
    shutil.copytree(polygons, folder)
    for path in (folder / "Annotations").glob("*.xml"):
        text = path.read_text().replace(
            f">{path.stem}.png<", f">photo-{path.stem}.png<"
        )
        path.write_text(text)
        image = folder / "JPEGImages" / f"{path.stem}.png"
        image.rename(image.with_name(f"photo-{image.name}"))
    whole = read_sample(folder, (32, 32, 3), target="triangle")
    first, *others = whole.targets.images
    assert others and whole.split.filenames[first].startswith("photo-")
    name = whole.split.filenames[first].removeprefix("photo-")
    (folder / "SegmentationObject" / name).unlink()
    some = read_sample(folder, (32, 32, 3), target="triangle")
    assert list(some.targets.images) == others
    np.testing.assert_array_equal(some.boxes.images, whole.boxes.images)
