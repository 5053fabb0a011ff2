import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import supervision
from PIL import Image
from tiny_polygons import SMALL, generate_quietly, read_files, read_list

import data_gen.generate as generate_module
from data_gen.config import PolygonConfig
from data_gen.pictures import make_pictures
from data_gen.workers import spread_over_processes


def _objects(path):
    """Names, 0-based boxes and truncation, read with the standard library alone."""
    for item in ET.parse(path).getroot().iter("object"):
        corners = (
            item.findtext(f"bndbox/{c}") for c in ("xmin", "ymin", "xmax", "ymax")
        )
        yield (
            item.findtext("name"),
            [int(corner) - 1 for corner in corners],
            item.findtext("truncated") == "1",
        )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "set"
    generate_quietly(SMALL, folder)
    return folder


def test_layout_is_vocs(small):
    stems = [f"{index:06d}" for index in range(24)]
    expected = {"manifest.json"}
    expected |= {f"JPEGImages/{stem}.png" for stem in stems}
    expected |= {f"Annotations/{stem}.xml" for stem in stems}
    expected |= {f"SegmentationObject/{stem}.png" for stem in stems}
    for name in ("train", "val", "triangle_train", "triangle_val"):
        expected.add(f"ImageSets/Main/{name}.txt")
    assert set(read_files(small)) == expected
    assert sorted(p.name for p in small.parent.iterdir()) == ["set"]  # no leftovers


def test_supervision_and_the_standard_library_read_the_same_boxes(small):
    dataset = supervision.DetectionDataset.from_pascal_voc(
        images_directory_path=str(small / "JPEGImages"),
        annotations_directory_path=str(small / "Annotations"),
    )
    assert len(dataset) == 24
    total = 0
    for path, image, found in dataset:
        objects = list(_objects(small / "Annotations" / f"{Path(path).stem}.xml"))
        assert image.shape == (48, 48, 3)
        names = [dataset.classes[k] for k in found.class_id]
        assert names == [name for name, _, _ in objects]
        ends_included = found.xyxy - [0, 0, 1, 1]  # supervision's are exclusive
        np.testing.assert_array_equal(ends_included, [box for _, box, _ in objects])
        total += len(objects)
    assert 3 * 24 < total < 5 * 24


def test_masks_hold_each_object_inside_its_box(small):
    for path in (small / "SegmentationObject").iterdir():
        mask = np.array(Image.open(path))
        objects = list(_objects(small / "Annotations" / f"{path.stem}.xml"))
        assert mask.shape == (48, 48)
        assert set(np.unique(mask)) <= set(range(len(objects) + 1))
        for index, (_, (xmin, ymin, xmax, ymax), truncated) in enumerate(objects, 1):
            rows, columns = np.nonzero(mask == index)
            if index == len(objects):  # the uppermost, so whole
                if truncated:  # the outline may end before the region
                    assert columns.min() <= xmin <= xmax <= columns.max()
                else:
                    assert (columns.min(), columns.max()) == (xmin, xmax)
                    assert (rows.min(), rows.max()) == (ymin, ymax)
            elif not truncated and len(rows):
                assert xmin <= columns.min() <= columns.max() <= xmax
                assert ymin <= rows.min() <= rows.max() <= ymax


def test_all_ink_lies_in_the_masks(small):
    for path in (small / "JPEGImages").iterdir():
        ink = np.array(Image.open(path))[..., 0] < 255
        mask = np.array(Image.open(small / "SegmentationObject" / path.name))
        assert ink.any()
        assert (mask[ink] > 0).all()


def test_the_target_is_last_and_only_in_positives(small):
    signs = dict(
        line.split()
        for name in ("train", "val")
        for line in read_list(small, f"triangle_{name}.txt")
    )
    assert len(signs) == 24
    for stem, sign in signs.items():
        path = small / "Annotations" / f"{stem}.xml"
        names = [name for name, _, _ in _objects(path)]
        assert ("triangle" in names) == (sign == "1")
        assert "triangle" not in names[:-1]
        target = ET.parse(path).getroot().find("target")
        texts = [child.text for child in target]
        assert texts == ["triangle", "3", "1", "1" if sign == "1" else "0"]


@pytest.mark.parametrize(
    ("num_images", "num_positive"),
    [(1, 0), (1, 1), (7, 3), (20, 10), (16, 16), (33, 1)],
)
def test_positives_are_exact_and_the_split_is_stratified(
    tmp_path, num_images, num_positive
):
    config = dataclasses.replace(
        SMALL, num_images=num_images, num_positive=num_positive, start_index=3
    )
    manifest = generate_quietly(config, tmp_path / "set")
    signs = {
        name: [
            line.split()[1]
            for line in read_list(tmp_path / "set", f"triangle_{name}.txt")
        ]
        for name in ("train", "val")
    }
    val_positive = round(num_positive * 0.25)
    val_negative = round((num_images - num_positive) * 0.25)
    assert signs["val"].count("1") == val_positive
    assert signs["val"].count("-1") == val_negative
    assert signs["train"].count("1") == num_positive - val_positive
    assert signs["train"].count("-1") == num_images - num_positive - val_negative
    assert manifest["counts"] == {
        "images": num_images,
        "positives": num_positive,
        "negatives": num_images - num_positive,
        "train": len(signs["train"]),
        "val": len(signs["val"]),
    }


def test_positives_and_negatives_are_shuffled():
    config = dataclasses.replace(SMALL, num_images=1000, num_positive=501)
    labels = np.array(list(generate_module.draw_labels(config)))
    assert labels.sum() == 501
    changes = (labels[1:] != labels[:-1]).sum()
    assert 430 < changes < 570  # 500 +- 16 if the order is random
    other = dataclasses.replace(config, seed=8)
    assert (labels != list(generate_module.draw_labels(other))).mean() > 0.4


def test_lists_have_vocs_form(small):
    for name in ("train", "val"):
        stems = read_list(small, f"{name}.txt")
        assert stems == sorted(stems)
        signs = read_list(small, f"triangle_{name}.txt")
        assert [line[:6] for line in signs] == stems
        assert {line[6:] for line in signs} == {"  1", " -1"}


def test_manifest_is_returned_and_written(small, tmp_path):
    manifest = json.loads((small / "manifest.json").read_text())
    assert PolygonConfig(**manifest["config"]) == SMALL
    assert manifest["target"] == {"name": "triangle", "p": 3, "q": 1}
    assert manifest["format"] == 1
    assert manifest["version"] == generate_module.__version__
    assert manifest["parts"] == [
        {
            "start_index": 0,
            "num_images": 24,
            "num_positive": 12,
            "version": generate_module.__version__,
        }
    ]
    returned = generate_quietly(SMALL, tmp_path / "again")
    assert json.loads(json.dumps(returned)) == manifest


def test_same_seed_same_bytes_whatever_the_number_of_workers(
    small, tmp_path, monkeypatch
):
    monkeypatch.setattr(generate_module, "_CHUNK", 5)
    generate_quietly(SMALL, tmp_path / "set", workers=2)
    assert read_files(tmp_path / "set") == read_files(small)


def test_another_seed_gives_other_images(small, tmp_path):
    generate_quietly(dataclasses.replace(SMALL, seed=8), tmp_path / "set")
    first, other = read_files(small), read_files(tmp_path / "set")
    for stem in ("000000", "000023"):
        assert first[f"JPEGImages/{stem}.png"] != other[f"JPEGImages/{stem}.png"]


def test_random_numbers_are_a_function_of_all_64_bits_of_the_seed():
    def first(seed):
        config = dataclasses.replace(SMALL, seed=seed)
        [picture] = make_pictures(config, 3, [True])
        return tuple(generate_module.draw_labels(config)), picture.xml

    made = [first(seed) for seed in (2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1)]
    assert len({labels for labels, _ in made}) == len({xml for _, xml in made}) == 4


def test_a_seed_of_before_gives_the_numbers_of_before():
    chances = np.random.Generator(
        np.random.Philox(key=[7, 0], counter=[0, 0, 0, 1])
    ).random(24)
    pairs = [(chance < 0.5, chance >= 0.5) for chance in chances[::2]]
    assert list(generate_module.draw_labels(SMALL)) == list(np.ravel(pairs))
    [picture] = make_pictures(SMALL, 3, [True])
    rng = np.random.Generator(np.random.Philox(key=[7, 3]))
    assert picture.xml.count(b"<object>") == rng.integers(3, 6)


def test_shards_hold_the_images_of_the_whole(small, tmp_path):
    whole = read_files(small)
    for start in (0, 8, 16):
        shard = dataclasses.replace(SMALL, num_images=8, start_index=start)
        generate_quietly(shard, tmp_path / str(start))
        for name, content in read_files(tmp_path / str(start)).items():
            if not name.startswith(("ImageSets", "manifest")):
                assert content == whole[name]


def test_workers_are_checked(tmp_path):
    with pytest.raises(ValueError, match="`workers`. Expected at least 1.*workers=0"):
        generate_quietly(SMALL, tmp_path / "set", workers=0)


_SCRIPT = """
import signal
from data_gen.generate import PolygonConfig, generate
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # if tests ignore it
    generate(PolygonConfig(num_images=10**6), {folder!r}, workers=2, progress=False)
"""


def _workers(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_no_workers_and_no_set(tmp_path, stop):
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(folder=str(tmp_path / "out" / "set")))
    root = Path(generate_module.__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, script],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until(lambda: list(tmp_path.glob("out/.polygons-*/set/*/*.png")))
        workers = _workers(process)
        assert len(workers) >= 2
    finally:
        process.send_signal(stop)
    assert process.wait(timeout=10) != 0
    _wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert not (tmp_path / "out" / "set").exists()
    if stop == signal.SIGINT:
        assert os.listdir(tmp_path / "out") == []


def _wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_worker_ends_in_one_sentence():
    tasks = [(signal.SIGKILL,)] * 2
    with pytest.raises(ChildProcessError, match="^A worker was killed, .*workers=2$"):
        spread_over_processes(signal.raise_signal, tasks, 2, print, workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_shapes_without_room_end_in_an_error(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(generate_module, "_CHUNK", 2)
    crowded = dataclasses.replace(
        SMALL, overlap=False, occlusion=False, min_radius=9.0, min_shapes=5, max_tries=9
    )
    with pytest.raises(
        ValueError, match="`max_shapes`. Expected shapes that find room"
    ):
        generate_quietly(crowded, tmp_path / "set", workers=workers)
    assert os.listdir(tmp_path) == []


def test_progress_bar_is_silent_off_a_terminal(tmp_path, capfd):
    generate_quietly(SMALL, tmp_path / "set", progress=True)
    assert capfd.readouterr() == ("", "")
