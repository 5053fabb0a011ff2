"""The sweep on real images: its cells, its measures, its summary."""

import json

import numpy as np
import pytest
from PIL import Image
from test_datasets_crops import write_photograph

from keras_xai.datasets.cue_conflict import read_cue_conflict
from keras_xai.datasets.silhouettes import read_silhouettes
from keras_xai.errors import InputError
from keras_xai.recipes import PROFILES
from keras_xai.reproduction import real, real_cue_conflict
from keras_xai.reproduction.groups import group_by_setting
from keras_xai.reproduction.real_claims import CLAIMS, judge
from keras_xai.reproduction.real_measures import MEASURES, values_of
from keras_xai.reproduction.real_pretraining import pretrain
from keras_xai.reproduction.real_summary import write_summary
from keras_xai.sweeps import read_results, run_missing
from keras_xai.training.config import config_from_dict

CLASSES = ("bicycle", "bottle", "car", "chair", "dog")


@pytest.fixture
def data(tmp_path):
    """Tiny sets in the three data sets' layouts, inside work/data."""
    folder = tmp_path / "work" / "data"
    write_cue_conflict(folder / "cue-conflict")
    (folder / "raccoon-voc").mkdir()
    for seed in range(8):
        objects = [("raccoon", (10, 60, 70, 120))]
        write_photograph(folder / "raccoon-voc", f"photo_{seed}", objects, seed=seed)
    write_tiny_imagenet(folder / "tiny-imagenet")
    return tmp_path / "work"


def write_cue_conflict(folder):
    """Five contents a class, each with two textures; the object is the left half."""
    silhouette = Image.new("L", (8, 8), 255)
    silhouette.paste(0, (0, 0, 4, 8))
    for k, shape in enumerate(CLASSES):
        (folder / "style-transfer" / shape).mkdir(parents=True)
        (folder / "filled-silhouettes" / shape).mkdir(parents=True)
        for content in range(1, 6):
            path = folder / f"filled-silhouettes/{shape}/{shape}{content}.png"
            silhouette.save(path)
            for texture in (shape, CLASSES[k - 1]):
                name = f"{shape}{content}-{texture}1.png"
                image = Image.new("RGB", (8, 8), (50 * k, content, 0))
                image.save(folder / "style-transfer" / shape / name)


def write_tiny_imagenet(folder):
    wnids = {"n01": "dog", "n02": "dog", "n03": "car", "n04": ""}
    for k, wnid in enumerate(wnids):
        images = folder / "train" / wnid / "images"
        images.mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (8, 8), (50 * k, i, 0)).save(images / f"{wnid}_{i}.png")
    images = folder / "val" / "images"
    images.mkdir(parents=True)
    lines = []
    for wnid in wnids:
        Image.new("RGB", (8, 8)).save(images / f"val_{wnid}.png")
        lines.append(f"val_{wnid}.png\t{wnid}\t0\t0\t7\t7\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    rows = [f"{wnid}\tname of {wnid}\t{c}\t4\n" for wnid, c in wnids.items()]
    header = "wnid\tname\tcategory16\ttrain_here\n"
    (folder / "classes.tsv").write_text("".join([header, *rows]))


def cell(name, profile="smoke"):
    return next(c for c in real.cells(profile) if c.name == name)


def fake_result(own=0.7, swapped=0.4, edges=0.5, pieces=3.0):
    decided = {"accuracy": 0.2, "num_conflicts": 10, "num_shape": 2, "num_texture": 6}
    masks = {"num_pieces": pieces, "above_threshold": 0.1}
    return {
        "environment": {"commit": "abc1234"},
        "result": {
            "chance": 1 / 16,
            "joint": decided,
            "alone": decided | {"num_shape": 0, "num_texture": 0},
            "masks": {
                "own": masks | {"mass_on_object": own},
                "swapped": masks | {"mass_on_object": swapped},
                "edges": masks | {"mass_on_object": edges},
            },
        },
    }


# Cells


@pytest.mark.parametrize("profile", PROFILES)
def test_cells_are_unique_and_alike_over_seeds(profile):
    cells = real.cells(profile)
    assert len({c.name for c in cells}) == len({c.filename for c in cells}) == 17
    settings = {c.name.rsplit("_", 1)[0]: c.spec | {"seed": None} for c in cells}
    for c in cells:
        assert c.spec | {"seed": None} == settings[c.name.rsplit("_", 1)[0]]


def test_the_papers_cell_comes_first_and_is_the_papers():
    first = real.cells("paper")[0]
    assert first.name == "cue-conflict_joint-2019_content_seed0"
    assert first.spec["image_size"] == 112 and first.spec["pretraining"] is None
    config = config_from_dict(first.spec["config"])
    assert [stage.l1 for stage in config.stages] == [0, 0, 0]
    for stage in config.stages:
        assert (stage.epochs, stage.steps_per_epoch, stage.batch_size) == (50, 50, 8)


def test_settings_differ_in_what_their_names_say():
    plain, boxes = (
        cell(f"raccoon_{name}_seed0", "paper").spec for name in ("joint", "joint-boxes")
    )
    assert plain | {"config": None} == boxes | {"config": None}
    stages = [config_from_dict(spec["config"]).stages for spec in (plain, boxes)]
    assert stages[0][0] == stages[1][0]  # the first stage is shared
    assert [stage.outside_boxes for stage in stages[0]] == [0, 0, 0]
    assert [stage.outside_boxes > 0 for stage in stages[1]] == [False, True, True]
    for recipe in ("joint-2019", "joint"):
        content, image = (
            cell(f"cue-conflict_{recipe}_{by}_seed0").spec
            for by in ("content", "image")
        )
        assert content | {"split_by": "image"} == image
    ours, pretrained = (
        cell(f"cue-conflict_{name}_content_seed0").spec
        for name in ("joint", "joint-pretrained")
    )
    assert ours | {"pretraining": pretrained["pretraining"]} == pretrained
    stages = config_from_dict(pretrained["pretraining"]["config"]).stages
    assert len(stages) == 1 and stages[0].white_mask


# Data


def test_decisions_are_counted_by_class_and_cue(data):
    folder = data / "data" / "cue-conflict"
    _, split = read_cue_conflict(folder / "style-transfer", size=(8, 8))
    assert split.num_images == 10  # a content of each class, half of it conflicts
    by_shape = real_cue_conflict.describe_decisions(split.labels, split)
    assert by_shape["accuracy"] == 1 and by_shape["num_texture"] == 0
    assert by_shape["num_conflicts"] == by_shape["num_shape"] == 5
    always_car = np.full(10, CLASSES.index("car"))
    found = real_cue_conflict.describe_decisions(always_car, split)
    assert (found["num_shape"], found["num_texture"]) == (1, 1)
    assert found["class_accuracy"] == {name: name == "car" for name in CLASSES}


def test_silhouettes_follow_the_images(data):
    folder = data / "data" / "cue-conflict"
    train, _ = read_cue_conflict(folder / "style-transfer", size=(16, 16))
    silhouettes = read_silhouettes(folder / "filled-silhouettes", train)
    assert silhouettes.shape == train.images.shape[:3]
    assert silhouettes[:, :, :7].all() and not silhouettes[:, :, 9:].any()
    for path in (folder / "filled-silhouettes" / "car").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"car\d.png does not exist"):
        read_silhouettes(folder / "filled-silhouettes", train)
    with pytest.raises(InputError, match="photo has no name of a cue-conflict image"):
        read_silhouettes(folder, train._replace(filenames=("photo",) * 40))


def test_a_table_of_classes_that_is_no_table_is_refused(data):
    spec = cell("cue-conflict_joint-pretrained_content_seed0").spec["pretraining"]
    path = data / "data" / "tiny-imagenet" / "classes.tsv"
    path.write_text("wnid\tname\nn01\tdog\n")
    with pytest.raises(InputError, match="classes.tsv has the columns wnid, name; exp"):
        pretrain(spec, data)
    path.unlink()
    with pytest.raises(InputError, match="classes.tsv does not exist"):
        pretrain(spec, data)


# Summary


def verdicts(paper, ours):
    groups = {
        "cue-conflict_joint-2019_content": {0: paper, 1: paper, 2: None},
        "cue-conflict_joint_content": {0: ours, 1: ours},
    }
    rows = [judge(claim, groups, "smoke") for claim in CLAIMS]
    return {row["id"]: row["verdict"] for row in rows}, rows


def test_verdicts_follow_the_numbers():
    good, bad = fake_result(), fake_result(own=0.45, pieces=1.0)
    found, rows = verdicts(good, bad)
    assert found["real-fig8-object"] == found["real-fig8-pieces"] == "reproduced"
    assert rows[0]["ours_mean"] == pytest.approx(0.2) and rows[0]["n"] == 2
    found, _ = verdicts(bad, good)
    assert found["real-fig8-object"].startswith("only with")
    found, _ = verdicts(bad, bad)
    assert found["real-fig8-object"] == found["real-fig8-pieces"] == "not reproduced"
    assert found["real-fig8-parts"] == found["real-accuracy"] == "not testable"
    found, _ = verdicts(None, good)
    assert set(found.values()) == {"missing"}


def test_a_mask_no_better_than_a_baseline_proves_nothing():
    found, _ = verdicts(fake_result(own=0.9, swapped=0.9), fake_result(edges=0.7))
    assert found["real-fig8-object"] == "not reproduced"


def test_a_shape_bias_without_decisions_is_undefined():
    group = {0: fake_result(), 1: None}
    measures = MEASURES["cue-conflict"]
    assert values_of(group, measures["shape bias"]) == [0.25]
    assert values_of(group, measures["shape bias alone"]) == []
    assert values_of(group, measures["texture"]) == [0.6]


def test_nothing_measured_is_shown_as_missing(tmp_path):
    folder = tmp_path / "results" / "real"
    folder.mkdir(parents=True)
    ledger = tmp_path / "results" / "claims.json"
    other = {"paper": "IbPRIA19", "id": "joint-fig7-alone-112"}
    ledger.write_text(json.dumps([other]))
    write_summary(real.cells("paper"), "paper", folder)
    table = (folder / "tables.md").read_text()
    assert "Not measured yet: cue-conflict_joint-2019_content, " in table
    assert "raccoon_joint-photographs-boxes" in table and "| own |" not in table
    rows = json.loads(ledger.read_text())
    assert rows[0] == other and {row["verdict"] for row in rows[1:]} == {"missing"}
    assert not (folder / "figures").exists()


# Whole cells


def run(names, data, tmp_path):
    cells = real.cells("smoke")
    folder = tmp_path / "results" / "real"
    run_missing(
        [c for c in cells if c.name in names],
        folder / "cells",
        lambda c: real.measure(c, data, folder / "cells"),
        command="test",
    )
    write_summary(cells, "smoke", folder)
    groups = group_by_setting(cells, read_results(cells, folder / "cells"))
    return folder, groups


def test_raccoon_cell_runs_and_is_summarised(data, tmp_path):
    folder, groups = run(("raccoon_joint_seed0",), data, tmp_path)
    result = groups["raccoon_joint"][0]["result"]
    assert len(result["log"]["stage"]) == 3
    assert result["joint"] == pytest.approx(result["final"]["val_accuracy"], abs=1e-4)
    assert result["masks"]["swapped"]["coverage"] == pytest.approx(
        result["masks"]["own"]["coverage"], abs=1e-4
    )
    assert {p.name for p in (folder / "figures").iterdir()} == {"raccoon.png"}
    assert (
        "| raccoon_joint-photographs | 1 of 3 | swapped |"
        in (folder / "tables.md").read_text()
    )
    (path,) = (folder / "cells").glob("*.npz")
    with np.load(path) as arrays:
        assert arrays["images"].shape == (3, 32, 32, 3)  # two photographs
        assert arrays["boxes"].shape == arrays["masks"].shape == (3, 32, 32)


@pytest.mark.slow
def test_cue_conflict_cells_run_and_are_summarised(data, tmp_path):
    names = [
        "cue-conflict_joint-2019_content_seed0",
        "cue-conflict_joint-pretrained_content_seed0",
        "cue-conflict_joint-pretrained_content_seed1",
    ]
    folder, groups = run(names, data, tmp_path)
    paper = groups["cue-conflict_joint-2019_content"][0]["result"]
    assert paper["chance"] == 0.2 and paper["pretraining"] is None
    assert set(paper["joint"]["class_accuracy"]) == set(CLASSES)
    pretrained = groups["cue-conflict_joint-pretrained_content"]
    rows = [pretrained[seed]["result"]["pretraining"] for seed in (0, 1)]
    assert rows[0] == rows[1] and rows[0]["stage"] == "classifier"
    assert len(list((data / "runs").glob("pretraining-*"))) == 1
    assert {p.name for p in (folder / "figures").iterdir()} == {
        "fig8_joint-2019_content.png",
        "fig8_joint-pretrained_content.png",
    }
    again = real.measure(cell(names[1]), data, folder / "cells")  # as after a kill
    assert again == pretrained[0]["result"]
    table = (folder / "tables.md").read_text()
    assert "| cue-conflict_joint-photographs-pretrained_content | 2 of 3 |" in table
    assert "Pretraining on TinyImageNet" in table
    stems = [path.stem for path in (folder / "cells").glob("*2019*.npz")]
    with np.load(folder / "cells" / f"{stems[0]}.npz") as arrays:
        assert sorted(arrays["labels"]) == sorted([*CLASSES[:4], *CLASSES[:4], "dog"])
        assert set(arrays["decisions"]) <= set(CLASSES)
