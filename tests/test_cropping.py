"""Windows of photographs as a VOC folder, and `keras-xai crop`."""

import json
import shutil

import numpy as np
import pytest
from test_cli import fails
from test_datasets_crops import BIRD, BOX, write_photograph

from keras_xai.cli import main
from keras_xai.cropping import write_crops
from keras_xai.datasets.annotations import read_annotation
from keras_xai.datasets.crops import read_crops
from keras_xai.datasets.read import read_splits
from keras_xai.errors import InputError

FILLED = (0, 0, 320, 200)  # the whole photograph


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Eight photographs of a raccoon and a bird; in the last the raccoon is near."""
    folder = tmp_path_factory.mktemp("photographs")
    for seed in range(8):
        raccoon = FILLED if seed == 7 else BOX
        objects = (("raccoon", raccoon), ("bird", BIRD))
        write_photograph(folder, f"photo_{seed}", objects, seed=seed)
    return folder


def test_what_is_written_is_what_is_read(photographs, tmp_path):
    options = {"target": "raccoon", "image_size": 32, "windows_per_box": 2, "seed": 1}
    done = []
    write_crops(photographs, tmp_path / "out", **options, report=done.append)
    assert done == [1, 2, 3, 4, 5, 6, 7, 8]
    expected = read_crops(photographs, **options)
    for split, whole in zip(read_splits(tmp_path / "out"), expected, strict=True):
        stems = [name.rsplit(".", 1)[0] for name in whole.filenames]
        once = [stems.index(stem) for stem in dict.fromkeys(stems)]
        assert split.filenames == tuple(f"{stems[i]}.png" for i in once)
        assert split.class_names == ("no raccoon", "raccoon")
        np.testing.assert_array_equal(split.images, whole.images[once])
        np.testing.assert_array_equal(split.labels, whole.labels[once])
        np.testing.assert_array_equal(split.object_maps, whole.object_maps[once])
        for i, boxes in zip(once, split.target_boxes, strict=True):
            np.testing.assert_array_equal(boxes, whole.target_boxes[i])


def test_objects_beside_the_target_are_annotated(photographs, tmp_path):
    write_crops(photographs, tmp_path / "out", target="raccoon", image_size=32)
    annotations = map(read_annotation, (tmp_path / "out" / "Annotations").iterdir())
    names = {obj.name for annotation in annotations for obj in annotation.objects}
    assert names == {"raccoon", "bird"}


def test_windows_that_the_target_fills_are_left_out(photographs, tmp_path):
    options = {"target": "raccoon", "image_size": 32}
    write_crops(photographs, tmp_path / "all", **options)
    write_crops(photographs, tmp_path / "some", **options, max_share=0.9)
    names = [
        {path.stem for path in (tmp_path / out / "JPEGImages").iterdir()}
        for out in ("all", "some")
    ]
    assert {name[:8] for name in names[0] - names[1]} == {"photo_7_"}
    assert names[1] < names[0] and not any(n.startswith("photo_7_") for n in names[1])


def test_photographs_without_the_target_count_for_nothing(photographs, tmp_path):
    folder = shutil.copytree(photographs, tmp_path / "more")
    for seed in range(20, 36):
        write_photograph(folder, f"bird_{seed}", [("bird", BIRD)], seed=seed)
    options = {"target": "raccoon", "image_size": 32}
    write_crops(folder, tmp_path / "out", **options)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["num_photographs"] == 8
    lists = [
        (tmp_path / "out" / "ImageSets" / "Main" / f"{subset}.txt").read_text()
        for subset in ("train", "val")
    ]
    held_out = {line.rsplit("_", 3)[0] for line in lists[1].split()}
    assert len(held_out) == 2 and "bird" not in lists[0]


def test_command_makes_a_data_set_that_names_its_target(photographs, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["crop", str(photographs), str(out), "--target=raccoon", "--image-size=32"]
    assert main([*words, "--windows-per-box=1", "--quiet"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["target"] == {"name": "raccoon"}
    assert manifest["num_photographs"] == 8
    for split, counts in zip(
        read_splits(out), manifest["counts"].values(), strict=True
    ):
        assert counts == {
            "images": split.num_images,
            "positive": int(split.labels.sum()),
        }
    assert "exists and is not empty" in fails(capsys, *words)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "fox"}, "has no object 'fox'; expected one of: bird, raccoon"),
        ({"max_share": 0.0}, "0 windows with and .* without 'raccoon' in the train"),
        ({"max_share": float("nan")}, "`max_share`. Expected a number from 0 to 1"),
        ({"image_size": 0}, "`image_size`. Expected a number at least 1"),
        ({"windows_per_box": 0}, "`windows_per_box`. Expected a number at least 1"),
        ({"max_share": 1.5}, "`max_share`. Expected a number from 0 to 1"),
    ],
)
def test_what_gives_no_data_set_is_refused(photographs, tmp_path, options, message):
    options = {"target": "raccoon", "image_size": 8} | options
    with pytest.raises(InputError, match=message):
        write_crops(photographs, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_annotations_is_named(tmp_path, capsys):
    message = fails(capsys, "crop", tmp_path, tmp_path / "out", "--target=raccoon")
    assert "Annotations holds no annotation" in message
