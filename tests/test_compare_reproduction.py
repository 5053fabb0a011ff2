"""The sweep of comparisons: its cells, its summary, its verdict."""

import json

import pytest

from keras_xai.comparison.options import Options
from keras_xai.recipes import PROFILES
from keras_xai.reproduction import compare, joint
from keras_xai.reproduction.compare_summary import judge, write_summary
from keras_xai.sweeps import run_missing

pytestmark = pytest.mark.usefixtures("float32")


def fake_result(mask, analyzers, failed=()):
    names = ["joint", *analyzers, "baseline.random"]
    mass = {"joint": mask, **analyzers, "baseline.random": 0.99}
    return {
        "environment": {"commit": "abc1234"},
        "result": {
            "methods": [
                {
                    "name": name,
                    "in_paper": not name.startswith("baseline"),
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
        assert Options(**cell.spec["options"]) == compare.OPTIONS[profile]


def test_three_seeds_of_the_recipe_that_learns_come_first():
    names = [cell.name for cell in compare.cells("paper")]
    assert names[:3] == [f"joint_l1-x1_paper-112_seed{seed}" for seed in range(3)]


def test_a_mask_ahead_of_the_ten_reproduces_the_figure():
    row = verdict([fake_result(0.8, {"gradient": 0.5, "lrp.z": 0.6})], [])
    assert row["ours_mean"] == pytest.approx(0.2)
    assert row["verdict"] == "reproduced"


def test_a_mask_behind_one_of_the_ten_does_not():
    behind = fake_result(0.5, {"gradient": 0.4, "lrp.z": 0.6})
    assert verdict([behind], [behind])["verdict"] == "not reproduced"
    ahead = fake_result(0.7, {"gradient": 0.4, "lrp.z": 0.6})
    assert verdict([behind], [ahead])["verdict"].startswith("only with")
    assert verdict([], [behind])["verdict"] == "missing"


def test_a_method_that_failed_is_left_out_of_the_verdict():
    result = fake_result(0.5, {"gradient": 0.4, "lrp.z": 0.9}, failed=["lrp.z"])
    assert verdict([result], [])["ours_mean"] == pytest.approx(0.1)


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
