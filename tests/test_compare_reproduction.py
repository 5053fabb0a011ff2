"""The sweep of comparisons: its cells, its summary, its verdict."""

import json
from dataclasses import replace

import pytest

from keras_xai.analyzers.innvestigate import Failure
from keras_xai.analyzers.methods import METHODS
from keras_xai.comparison.options import Options
from keras_xai.errors import InputError
from keras_xai.recipes import PROFILES
from keras_xai.reproduction import compare, compare_summary, joint
from keras_xai.reproduction.compare_claims import judge
from keras_xai.reproduction.compare_summary import write_summary
from keras_xai.reproduction.training import Training
from keras_xai.sweeps import run_missing

pytestmark = pytest.mark.usefixtures("float32")


def fake_result(mask, analyzers, failed=()):
    mass = dict.fromkeys(METHODS, 0.0) | {"joint": mask, **analyzers}
    mass |= {"baseline.random": 0.99, "lrp.alpha_1_beta_0": 0.98}  # not of the ten
    names = list(mass)
    return {
        "environment": {"commit": "abc1234"},
        "result": {
            "methods": [
                {
                    "name": name,
                    "failure": "too slow" if name in failed else None,
                }
                for name in names
            ],
            "values": {
                name: {"mass_target": {"mean": mass[name]}}
                if name not in failed
                else {}
                for name in names
            },
        },
    }


def verdict(paper, ours):
    groups = {
        "joint-2019_l1-1e-06_paper-112": dict(enumerate(paper)),
        "joint_l1-x1_paper-112": dict(enumerate(ours)),
    }
    return judge(groups, "paper-112", "paper")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_cell_compares_what_a_cell_of_the_joint_sweep_trained(profile):
    trainings = {cell.name: cell for cell in joint.cells(profile)}
    cells = compare.cells(profile)
    assert len({cell.filename for cell in cells}) == len(cells)
    for cell in cells:
        assert cell.spec["training"] == trainings[cell.name].spec
        options = Options(**cell.spec["options"])
        assert options.seed == cell.spec["seed"]
        assert replace(options, seed=0) == compare.OPTIONS[profile]


def test_three_seeds_of_the_recipe_that_learns_come_first():
    names = [cell.name for cell in compare.cells("paper")]
    assert names[:3] == [f"joint_l1-x1_paper-112_seed{seed}" for seed in range(3)]


def test_a_mask_ahead_of_the_ten_reproduces_the_figure():
    ahead = fake_result(0.8, {"gradient": 0.5, "lrp.z": 0.6})
    row = verdict([ahead], [])
    assert row["ours_mean"] == pytest.approx(0.2)
    assert row["verdict"] == "reproduced; one seed of its recipe"
    assert verdict([ahead, ahead], [])["verdict"] == "reproduced"
    hardly = fake_result(0.61, {"gradient": 0.5, "lrp.z": 0.6})
    assert verdict([hardly] * 2, [hardly] * 2)["verdict"] == "not reproduced"


def test_a_mask_behind_one_of_the_ten_does_not():
    behind = fake_result(0.5, {"gradient": 0.4, "lrp.z": 0.6})
    assert verdict([behind] * 2, [behind] * 2)["verdict"] == "not reproduced"
    ahead = fake_result(0.7, {"gradient": 0.4, "lrp.z": 0.6})
    assert verdict([behind], [ahead])["verdict"].startswith("only with")
    assert verdict([], [behind])["verdict"] == "missing"


@pytest.mark.parametrize("failed", ["lrp.z", "joint"])
def test_a_comparison_that_lacks_a_method_decides_nothing(failed):
    result = fake_result(0.5, {"gradient": 0.4, "lrp.z": 0.9}, failed=[failed])
    row = verdict([result], [result])
    assert row["verdict"] == "missing" and row["n"] == 0


def table_result(means, chance):
    """Of one seed: a metric's mean by method, over 7 images."""
    metric = {
        "name": "mass_target",
        "label": "Target: mass",
        "group": "ground truth",
        "higher_is_better": True,
        "chance": chance,
    }
    methods = [
        {"name": name, "in_paper": False, "failure": None, "seconds_per_image": 1.0}
        for name in means
    ]
    values = {name: {"mass_target": {"mean": v, "n": 7}} for name, v in means.items()}
    accuracy = {"classifier": 0.9, "joint": 0.8}
    return {
        "result": {
            "methods": methods,
            "metrics": [metric],
            "values": values,
            "accuracy": accuracy,
            "majority_rate": 0.6,
        }
    }


def test_what_looks_the_same_in_the_table_shares_its_place():
    seeds = [
        table_result({"joint": 0.5, "a": 0.5004, "b": 0.4}, chance=0.1),
        table_result({"joint": 0.5, "a": 0.5, "b": 0.4}, chance=0.3),
    ]
    lines = list(compare_summary.tables(seeds, 3))
    assert (
        "- mass: the mask is number 1 of 3 together with 1 more, 0.500; the best other "
        "is a, 0.500"
    ) in lines
    assert "| joint | **0.500 ± 0.000** |" in lines
    assert "| a | **0.500 ± 0.000** |" in lines
    assert "| b | 0.400 ± 0.000 |" in lines
    assert "| *a constant heatmap* | 0.200 ± 0.141 |" in lines  # of both seeds
    assert "| *images* | 7 |" in lines


def test_seeds_that_were_not_timed_are_left_out_of_the_times():
    seeds = [table_result({"joint": 0.5, "a": 0.5}, chance=0.1) for _ in range(3)]
    for seed, seconds in zip(seeds, (3.0, 5.0, None), strict=True):
        joint_method, other = seed["result"]["methods"]
        joint_method["seconds_per_image"] = seconds and 1.0
        other["seconds_per_image"] = seconds
    lines = list(compare_summary.tables(seeds, 3))
    assert "Seconds an image, as multiples of the mask's; n = 2." in lines
    assert "| a | 4.0 ± 1.4 |" in lines


def test_running_out_of_time_is_no_result(tmp_path, monkeypatch):
    cell = compare.cells("smoke")[0]
    training = Training(None, None, tmp_path, [])
    monkeypatch.setattr(compare.joint, "train", lambda *_: (training, None))
    monkeypatch.setattr(compare.joint, "make_data", lambda *_: tmp_path)
    failure = Failure("It took longer than 1 s.", is_final=False)
    monkeypatch.setattr(compare, "compare", lambda *_: {"smoothgrad": failure})
    with pytest.raises(InputError, match="seed0: smoothgrad failed: It took longer"):
        compare.measure(cell, tmp_path, tmp_path)


def test_a_cell_is_measured_and_summarised(tmp_path):
    cells = compare.cells("smoke")
    folder = tmp_path / "compare"
    run_missing(
        cells[:1],
        folder / "cells",
        lambda cell: compare.measure(cell, tmp_path / "work", folder / "cells"),
        command="keras-xai reproduce compare --profile smoke",
    )
    write_summary(cells, "smoke", folder)
    tables = (folder / "tables.md").read_text()
    assert f"## {cells[0].name.rsplit('_', 1)[0]}" in tables
    assert "| baseline.random |" in tables
    assert "Not measured." in tables
    assert (folder / "figures" / f"fig6_fair_{cells[0].name}.png").exists()
    summary = json.loads((folder / "summary.json").read_text())
    (of_setting,) = summary.values()
    mass = of_setting["values"]["joint"]["mass_target"]["mean"]
    assert 0 <= mass <= 1
    claims = json.loads((tmp_path / "claims.json").read_text())
    assert {claim["verdict"] for claim in claims} == {"missing"}
