import json
from pathlib import Path

import pytest

from keras_xai.recipes import PROFILES, RECIPES
from keras_xai.reproduction import cladec, compare, joint, real
from keras_xai.reproduction.joint_claims import QUESTIONS, judge
from keras_xai.reproduction.joint_summary import write_summary
from keras_xai.reproduction.ledger import format_spread
from keras_xai.sweeps import Cell, run_missing
from keras_xai.training.config import JointConfig, config_from_dict
from keras_xai.training.joint import build_from_config
from keras_xai.training.stages import compile_stage

RESULTS = Path(__file__).parent.parent / "results"


def fake_result(seed, accuracy=1.0, alone=0.62, coverage=0.01, mass=0.7):
    row = {
        "val_accuracy": accuracy,
        "val_coverage": coverage,
        "val_pointing_game": 0.9,
        "val_mass_on_target": mass,
        "val_mass_on_distractors": 0.2,
        "majority_rate": 0.62,
    }
    return {
        "spec": {"seed": seed},
        "environment": {"commit": "abc1234"},
        "result": {
            "final": row,
            "lit_positives": 0.5,
            "log": {
                "stage": ["classifier", "explainer", "joint"],
                "val_accuracy": [alone, alone, accuracy],
            },
        },
    }


def question(name):
    return next(q for q in QUESTIONS if q.claim.id == name)


@pytest.mark.parametrize("sweep", [cladec, compare, joint, real])
def test_what_was_measured_belongs_to_a_cell_of_today(sweep):
    folder = RESULTS / sweep.__name__.rpartition(".")[2] / "cells"
    measured = {path.name for path in folder.glob("*.json")}
    assert measured
    assert measured <= {
        cell.filename for profile in PROFILES for cell in sweep.cells(profile)
    }


def test_the_paper_profile_has_the_papers_numbers():
    cells = {cell.name: cell for cell in joint.cells("paper")}
    spec = cells["joint-2019_l1-1e-06_paper-224_seed0"].spec
    assert spec["data"]["num_images"] == 1000
    assert spec["data"]["num_positive"] == 618
    config = config_from_dict(spec["config"])
    for stage in config.stages:
        assert stage.batch_size == 8
        assert (stage.epochs, stage.steps_per_epoch) == (50, 50)
        assert (stage.optimizer, stage.learning_rate) == ("adadelta", 1.0)
    assert [stage.l1 for stage in config.stages] == [0, 1e-6, 1e-6]


def test_adadelta_is_the_one_of_2019():
    config = JointConfig(explainer_filters=(4, 8), classifier_filters=(4, 8))
    model = build_from_config(config, (8, 8, 3), 2)
    for stage in config.stages:
        optimizer = compile_stage(model, config, stage)[0].optimizer
        assert (optimizer.rho, optimizer.epsilon) == (0.95, 1e-7)
        assert float(optimizer.learning_rate) == 1.0


def test_a_white_mask_costs_the_same_at_both_sizes():
    cells = {cell.name: cell for cell in joint.cells("paper")}
    prices = {
        size: config_from_dict(
            cells[f"joint-2019_l1-1e-06_paper-{size}_seed0"].spec["config"]
        )
        .stages[1]
        .l1
        * size**2
        for size in (112, 224)
    }
    assert prices[112] == pytest.approx(prices[224])


@pytest.mark.parametrize("profile", PROFILES)
def test_a_target_costs_our_recipe_the_same_at_both_sizes(profile):
    """Its price is of a white mask; a target has as many pixels at both sizes."""
    specs = {cell.name: cell.spec for cell in joint.cells(profile)}
    prices = set()
    for size, price in joint.OUR_PRICE.items():
        pixels = joint.SIZES[profile][size][0]
        config = config_from_dict(
            specs[f"joint_l1-{price}_paper-{pixels}_seed0"]["config"]
        )
        prices.add(config.stages[-1].l1 / pixels**2)
    assert len(prices) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_cells_are_unique_and_settings_alike_over_seeds(profile):
    cells = joint.cells(profile)
    assert len({cell.name for cell in cells}) == len(cells)
    assert len({cell.filename for cell in cells}) == len(cells)
    for cell in cells:
        twin = [
            c for c in cells if c.name.split("_seed")[0] == cell.name.split("_seed")[0]
        ]
        for other in twin:
            assert other.spec["config"] == cell.spec["config"]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("profile", PROFILES)
def test_every_recipe_survives_json(name, profile):
    from keras_xai.training.config import config_to_dict

    config = RECIPES[name](profile)
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config
    assert [stage.trains for stage in config.stages] == [
        ("classifier",),
        ("explainer",),
        ("explainer", "classifier"),
    ]


def test_verdicts_follow_the_numbers():
    paper, ours = "joint-2019_l1-1e-06_paper-9", "joint_l1-x1_paper-9"
    good = {0: fake_result(0), 1: fake_result(1)}
    bad = {0: fake_result(0, accuracy=0.62), 1: fake_result(1, accuracy=0.62)}
    reaches = question("fig7-joint")
    row = judge(reaches, 9, {paper: good, ours: good}, "smoke")
    assert row["verdict"] == "reproduced"
    assert (row["ours_mean"], row["ours_sd"], row["n"]) == (1.0, 0.0, 2)
    assert row["commit"] == "abc1234"
    row = judge(reaches, 9, {paper: bad, ours: good}, "smoke")
    assert row["verdict"].startswith("only with")
    row = judge(reaches, 9, {paper: bad, ours: bad}, "smoke")
    assert row["verdict"] == "not reproduced"
    row = judge(reaches, 9, {paper: {0: None}, ours: {0: None}}, "smoke")
    assert row["verdict"] == "missing" and row["n"] == 0
    assert judge(reaches, 9, {}, "smoke") is None


def test_a_spread_is_written_without_a_sign_before_zeros():
    assert format_spread([]) == "missing"
    assert format_spread([-0.0004]) == "0.000"
    assert format_spread([-0.25, -0.75], 2) == "-0.50 ± 0.35"


def test_one_seed_is_told():
    paper, ours = "joint-2019_l1-1e-06_paper-9", "joint_l1-x1_paper-9"
    good, bad = fake_result(0), fake_result(0, accuracy=0.62)
    two = {0: bad, 1: bad}

    def verdict(**groups):
        groups = {paper: groups["paper"], ours: groups["ours"]}
        return judge(question("fig7-joint"), 9, groups, "smoke")["verdict"]

    assert verdict(paper={0: good}, ours={}) == "reproduced; one seed of its recipe"
    assert verdict(paper={0: bad}, ours=two) == (
        "not reproduced; one seed of its recipe"
    )
    assert verdict(paper=two, ours={0: good}) == (
        "only with: recipe joint (docs/decisions.md); one seed of ours"
    )
    assert verdict(paper=two, ours={0: bad}) == "not reproduced; one seed of ours"
    assert verdict(paper=two, ours=two) == "not reproduced"


def test_alone_is_held_against_the_majority_rate():
    paper, ours = "joint-2019_l1-1e-06_paper-9", "joint_l1-x1_paper-9"
    learns = {seed: fake_result(seed, alone=0.95) for seed in range(2)}
    row = judge(question("fig7-alone"), 9, {paper: learns, ours: learns}, "smoke")
    assert row["ours_mean"] == pytest.approx(0.33)
    assert row["verdict"] == "not reproduced"


def test_smoke_cell_runs_and_is_summarised(tmp_path):
    cells = joint.cells("smoke")
    cell = next(c for c in cells if c.name.startswith("joint_l1-x1_paper-16_seed0"))
    folder = tmp_path / "results" / "joint"
    run_missing(
        [cell],
        folder / "cells",
        lambda c: joint.measure(c, tmp_path / "work", folder / "cells"),
        command="test",
    )
    write_summary(cells, "smoke", folder)
    result = json.loads((folder / "cells" / cell.filename).read_text())["result"]
    assert len(result["log"]["stage"]) == 3
    assert 0 <= result["final"]["val_coverage"] <= 1
    table = (folder / "tables.md").read_text()
    assert "| joint_l1-x1_paper-16 | 1 of 5 |" in table
    assert "| joint_l1-x0_paper-16 |" not in table
    assert "Not measured yet: joint-2019_l1-1e-06_paper-16, " in table
    ledger = json.loads((tmp_path / "results" / "claims.json").read_text())
    assert {row["verdict"] for row in ledger} == {"missing"}  # of the paper's recipe
    assert {p.name for p in (folder / "figures").iterdir()} == {
        "fig5_joint_16.png",
        "fig7_joint_16.png",
    }


def test_result_of_a_changed_recipe_is_not_mistaken_for_this_one(tmp_path):
    cell = joint.cells("smoke")[0]
    changed = Cell(cell.name, cell.spec | {"seed": 99})
    assert cell.filename != changed.filename


def test_what_would_hold_is_written_beside_a_claim():
    criteria = {q.claim.id: q.claim.criterion for q in QUESTIONS}
    assert criteria["fig7-alone"] == "-0.02 to 0.02"
    assert criteria["fig7-joint"] == "≥ 0.99"
    assert criteria["fig5-strong"] == "≤ 0.05"
    lit = {0: fake_result(0), 1: fake_result(1)}
    groups = {"joint-2019_l1-0.0001_paper-9": lit, "joint_l1-x10_paper-9": lit}
    row = judge(question("fig5-strong"), 9, groups, "smoke")
    assert (row["ours_mean"], row["holds_if"]) == (0.5, "≤ 0.05")
    assert row["verdict"] == "not reproduced"
