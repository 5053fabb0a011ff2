import json

import numpy as np
import pytest
from test_datasets_classification import write_idx_set

from keras_xai.recipes import PROFILES
from keras_xai.reproduction import cladec
from keras_xai.reproduction.cladec_claims import (
    CLAIMS,
    Comparison,
    Term,
    judge,
    run_test,
)
from keras_xai.reproduction.cladec_summary import write_summary
from keras_xai.sweeps import run_missing

pytestmark = pytest.mark.usefixtures("float32")

METHODS = ("RefAE", "ClaDec")
PAPER = {  # setting: squared error, evaluation accuracy of Tables 1 and 2
    "layer-1_cladec-a0": (28.6, 0.89),
    "layer-1_ref-ae": (8.48, 0.83),
    "layer-3_cladec-a0": (4.56, 0.877),
    "layer-3_ref-ae": (3.63, 0.863),
    "layer-5_cladec-a0": (1.93, 0.878),
    "layer-5_ref-ae": (1.87, 0.875),
    "layer-2_cladec-a0": (7.49, 0.8824),
    "layer-2_cladec-a0.9": (8.35, 0.9011),
    "layer-2_cladec-a0.999": (25.4, 0.9033),
    "layer-2_cladec-a1": (285.5, 0.9028),
}


def fake_result(setting, error, accuracy):
    method, _, alpha = setting.split("_")[1].partition("-a")
    return {
        "spec": {"config": {"alpha": float(alpha) if method == "cladec" else 0.0}},
        "environment": {"commit": "abc1234"},
        "result": {
            "test": {
                "squared_error": error,
                "cross_entropy": 0.5,
                "ssim": 0.4,
                "feature_cosine": 0.3,
                "agreement": 0.2,
            },
            "train_squared_error": 7.0,
            "evaluation_accuracy": accuracy,
            "classifier_accuracy": 0.9,
            "mean_image_error": 79.0,
        },
    }


def fake_group(numbers, noise=0.001, num_seeds=5):
    rng = np.random.default_rng(0)
    return {
        setting: {
            seed: fake_result(
                setting,
                error * (1 + noise * rng.normal()),
                accuracy + noise * rng.normal(),
            )
            for seed in range(num_seeds)
        }
        for setting, (error, accuracy) in numbers.items()
    }


def verdicts(group):
    return {
        claim.id: judge(claim, group, 16, "paper", "command")["verdict"]
        for claim in CLAIMS
    }


def test_the_papers_own_numbers_are_reproduced():
    assert len(CLAIMS) == 7
    assert set(verdicts(fake_group(PAPER)).values()) == {"reproduced"}


def test_one_seed_shows_a_sign_and_no_more():
    group = fake_group(PAPER, num_seeds=1)
    assert set(verdicts(group).values()) == {"right sign, one seed"}


def test_a_tie_that_is_allowed_is_not_decided_by_one_seed():
    numbers = PAPER | {"layer-5_cladec-a0": (1.8, 0.87)}
    group = fake_group(numbers, num_seeds=1)
    found = verdicts(group)
    for name in ("rec-above-reference", "accuracy-above-reference"):
        assert found[name] == "undecided, n = 1"
    assert verdicts(fake_group(numbers))["rec-above-reference"] == "not reproduced"


def test_few_seeds_decide_neither_a_difference_nor_a_tie():
    """Not even with the right sign, where they scatter as widely."""
    setting = "layer-1_ref-ae"
    term = Term(1, "rec", setting)

    def holds(*errors, may_tie=False):
        seeds = {i: fake_result(setting, e, 0.5) for i, e in enumerate(errors)}
        comparison = Comparison("", (term,), may_tie)
        return run_test(comparison, {setting: seeds})["holds"]

    assert holds(1.0, 3.0) is holds(1.0, 3.0, may_tie=True) is None
    assert holds(1.0, 3.0, 2.0) is True and holds(-1.0, -3.0, -2.0) is False
    assert holds(1.0, -1.1, 0.2) is None
    assert holds(1.0, -1.1, 0.2, may_tie=True) is True
    assert holds(-1.0, -3.0, -2.0, may_tie=True) is False


def test_a_claims_number_and_n_are_of_the_same_seeds():
    group = fake_group(PAPER)
    group["layer-5_ref-ae"] = {seed: None for seed in range(1, 5)} | {
        0: group["layer-5_ref-ae"][0]
    }
    row = judge(CLAIMS[0], group, 16, "paper", "command")
    assert row["n"] == 5 and len(row["tests"][2]["values"]) == 1
    assert row["ours_sd"] == pytest.approx(
        np.std(row["tests"][0]["values"], ddof=1), abs=1e-5
    )


def test_turned_round_numbers_are_not():
    swapped = {
        setting.replace("cladec-a0", "x")
        .replace("ref-ae", "cladec-a0")
        .replace("x", "ref-ae")
        if setting[:7] != "layer-2"
        else setting: numbers
        for setting, numbers in PAPER.items()
    }
    found = verdicts(fake_group(swapped))
    for name in ("rec-above-reference", "gap-grows", "accuracy-above-reference"):
        assert found[name] == "not reproduced"
    assert found["alpha"] == "reproduced"


def test_a_missing_cell_shows_as_missing():
    group = fake_group(PAPER)
    group["layer-3_ref-ae"] = {seed: None for seed in range(5)}
    found = verdicts(group)
    assert found["gap-grows"] == "missing" and found["alpha"] == "reproduced"
    assert set(verdicts({}).values()) == {"missing"}


def test_p_is_that_of_a_paired_t_test():
    """Differences 1, 2, 3: t = 2 / (1 / sqrt 3); with 2 degrees of freedom the upper
    tail is 1/2 - t / (2 sqrt(2 + t²)).
    """
    group = fake_group({"layer-1_cladec-a0": (0, 0), "layer-1_ref-ae": (0, 0)}, 0, 3)
    for seed, difference in enumerate((1, 2, 3)):
        test = group["layer-1_cladec-a0"][seed]["result"]["test"]
        test["squared_error"] = float(difference)
    (comparison,) = CLAIMS[0].comparisons[:1]
    outcome = run_test(comparison, group)
    t = 2 * np.sqrt(3)
    assert outcome["p"] == pytest.approx(0.5 - t / (2 * np.sqrt(2 + t * t)))
    assert outcome["values"] == [1, 2, 3] and outcome["holds"]


def test_noise_decides_between_a_tie_and_a_difference():
    noisy = fake_group(PAPER | {"layer-1_cladec-a0": (8.5, 0.83)}, noise=0.05)
    strict, _, tie = CLAIMS[0].comparisons
    assert not run_test(strict, noisy)["holds"]
    assert run_test(tie, noisy)["holds"]  # layer -5: 1.93 against 1.87
    below = fake_group(PAPER | {"layer-5_cladec-a0": (1.5, 0.878)})
    assert not run_test(tie, below)["holds"]


def test_seeds_are_paired_and_one_alone_has_no_p():
    group = fake_group(PAPER)
    group["layer-1_ref-ae"] = {3: group["layer-1_ref-ae"][3], 4: None, 0: None}
    outcome = run_test(CLAIMS[0].comparisons[0], group)
    assert len(outcome["values"]) == 1 and outcome["p"] is None and outcome["holds"]


@pytest.mark.parametrize("profile", PROFILES)
def test_cells_are_unique(profile):
    cells = cladec.cells(profile)
    assert len({cell.name for cell in cells}) == len(cells)
    assert len({cell.filename for cell in cells}) == len(cells)


def test_the_paper_profile_has_the_papers_experiments():
    cells = {cell.name: cell.spec for cell in cladec.cells("paper")}
    for epochs in (2, 16, 64):
        for setting in PAPER:
            for seed in range(5):
                spec = cells[f"fashion-mnist_vgg5_e{epochs}_{setting}_seed{seed}"]
                assert spec["config"]["epochs"] == epochs
                assert spec["num_train"] is None
    assert cells["fashion-mnist_vgg5_e64_layer-1_ref-ae_seed0"]["layer"] == "logits"
    alphas = [
        cells[f"fashion-mnist_vgg5_e2_{s}_seed0"]["config"]["alpha"]
        for s in PAPER
        if s.startswith("layer-2")
    ]
    assert alphas == [0, 0.9, 0.999, 1]  # of Eq. 1: the weight of the classification
    others = {name.split("_layer")[0] for name in cells} - {
        "fashion-mnist_vgg5_e2",
        "fashion-mnist_vgg5_e16",
        "fashion-mnist_vgg5_e64",
    }
    assert others == {
        "fashion-mnist_resnet10_e16",
        "mnist_vgg5_e16",
        "tiny-imagenet_vgg5_e16",
    }


def test_smoke_cells_run_and_are_summarised(tmp_path, rng):
    work, folder = tmp_path / "work", tmp_path / "results" / "cladec"
    write_idx_set(work / "data" / "fashion-mnist", rng, labels=list(range(10)) * 5)
    cells = cladec.cells("smoke")
    chosen = [c for c in cells if c.name.endswith("layer-3_ref-ae_seed0")]
    run_missing(
        chosen,
        folder / "cells",
        lambda cell: cladec.measure(cell, work, folder / "cells"),
        command="test",
    )
    assert len(list((work / "classifiers").iterdir())) == 1
    write_summary(cells, "smoke", folder)
    (path,) = (folder / "cells").glob("*.json")
    result = json.loads(path.read_text())["result"]
    assert 0 <= result["evaluation_accuracy"] <= 1
    assert result["test"]["squared_error"] > 0
    assert len(result["log"]) == 1
    with np.load(path.with_suffix(".npz")) as arrays:
        assert arrays["images"].shape == arrays["reconstructions"].shape
        assert arrays["groups"].sum() == len(arrays["images"])
    table = (folder / "tables.md").read_text()
    assert "| -3 | 0 of 1 | missing |" in table and "| 0.999 | 0.001 |" in table
    assert "28×28 images are scaled to 32×32 bilinearly" in table
    ledger = json.loads((tmp_path / "results" / "claims.json").read_text())
    assert [row["verdict"] for row in ledger] == ["missing"] * 7
    assert {p.name for p in (folder / "figures").iterdir()} == {
        "fig5_fashion-mnist_vgg5_e1.png",
        "toy.png",
    }


@pytest.fixture
def papers_cells(tmp_path):
    """The cells of two epochs, as if they had found the paper's numbers."""
    wanted = [c for c in cladec.cells("paper") if "_vgg5_e2_" in c.name]
    folder = tmp_path / "results" / "cladec"
    (folder / "cells").mkdir(parents=True)
    for cell in wanted:
        setting = cell.name.split("_e2_")[1].rpartition("_")[0]
        found = fake_result(setting, *PAPER[setting])
        found |= {"name": cell.name, "spec": cell.spec}
        path = folder / "cells" / cell.filename
        path.write_text(json.dumps(found))
        if cell.spec["seed"] == 0:
            level = PAPER[setting][0]
            images = np.arange(5.0).reshape(5, 1, 1, 1)
            np.savez(
                path.with_suffix(".npz"),
                images=images,
                reconstructions=images * 0 + level,
                groups=[2, 1, 2],
            )
    return wanted, folder


def test_tables_and_figures_have_everything_in_its_place(papers_cells, monkeypatch):
    cells, folder = papers_cells
    drawn = {}
    monkeypatch.setattr(
        "keras_xai.reproduction.cladec_figures.draw_image_grid",
        lambda rows, path, *, title, groups: drawn.update({path.name[:4]: rows}),
    )
    write_summary(cells, "paper", folder)
    table = (folder / "tables.md").read_text().splitlines()
    sd = "± 0.00"
    assert (
        f"| -1 | 5 | 28.60 {sd} | 8.48 {sd} | 20.12 {sd} | 0.8900 {sd}00 | "
        f"0.8300 {sd}00 | 0.0600 {sd}00 |"
    ) in table
    # Total: .1 of the error and .9 of the cross-entropy.
    assert (
        f"| 0.9 | 0.1 | 5 | 1.285 {sd}0 | 8.35 {sd} | 0.500 {sd}0 | 0.9011 {sd}00 |"
    ) in table
    assert "| cladec-gap-grows-2: **reproduced** |" in "\n".join(table)
    assert list(drawn["fig5"]) == [
        "original",
        *(f"{method} {layer}" for layer in (-5, -3, -1) for method in METHODS),
    ]
    levels = [rows.ravel().tolist() for rows in drawn["fig5"].values()]
    assert levels[0] == [0, 1, 2] and levels[3:5] == [[3.63] * 3, [4.56] * 3]
    assert [rows.ravel().tolist() for rows in drawn["fig4"].values()] == [
        [3, 4],
        [8.48] * 2,
        [28.6] * 2,
    ]
    assert [(label, rows[0].item()) for label, rows in drawn["fig6"].items()] == [
        ("original", 0),
        ("α = 0", 7.49),
        ("α = 0.9", 8.35),
        ("α = 0.999", 25.4),
        ("α = 1", 285.5),
    ]


def test_cells_of_two_classifiers_are_told(papers_cells):
    cells, folder = papers_cells
    sentence = "The cells of seed 0 explain more than one classifier"
    write_summary(cells, "paper", folder)
    assert sentence not in (folder / "tables.md").read_text()
    path = folder / "cells" / cells[0].filename
    path.write_text(path.read_text().replace('accuracy": 0.9,', 'accuracy": 0.8,'))
    write_summary(cells, "paper", folder)
    assert sentence in (folder / "tables.md").read_text()
