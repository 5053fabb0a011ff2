"""The page of a comparison: verdict, standings, table and heatmaps."""

import json
import re

import numpy as np
import pytest
from pages import HOSTILE, Balance, decode_png, parse, text_of

from keras_xai.errors import InputError
from keras_xai.report import comparison_files, comparison_table, comparison_verdict
from keras_xai.report.comparison_files import Value
from keras_xai.report.comparison_table import is_level
from keras_xai.report.pictures import quantize
from keras_xai.report.report import write_report

SIZE = 8
METHODS = {  # kind and whether it is signed
    "joint": ("joint", False),
    "lrp.z": ("analyzer", True),
    "gradient": ("analyzer", False),
    "random": ("baseline", False),
}
# Group, whether higher is better, chance, and the mean of each method.
METRICS = {
    "pointing_game": ("ground truth", True, 0.2, (0.9, 0.5, 0.1, 0.2)),
    "mass": ("ground truth", True, None, (0.4, 0.6, 0.3, 0.1)),
    "deletion": ("faithfulness", False, None, (0.3, 0.1, 0.2, 0.15)),
    "coverage": ("complexity", None, None, (0.01, 0.5, 0.4, 0.3)),
}


def write_comparison(folder, *, names=None, class_name="star", metrics=METRICS):
    """Writes a comparison of four methods and a failed one on three images."""
    rng = np.random.default_rng(5)
    names = names or [f"{i:06d}.png" for i in range(3)]
    class_names = [f"no {class_name}", class_name]
    (folder / "heatmaps").mkdir(parents=True)
    values = {method: {} for method in [*METHODS, "broken"]}
    for metric, (_, higher_is_better, _, means) in metrics.items():
        order = sorted(means, reverse=bool(higher_is_better))
        for method, mean in zip(METHODS, means, strict=True):
            rank = None if higher_is_better is None else 1 + order.index(mean)
            value = {"mean": mean, "sd": 0.1, "n": 25, "rank": rank}
            values[method][metric] = value
    values["random"]["mass"] = {"mean": None, "sd": None, "n": 0, "rank": None}
    heatmaps = {}
    for method, (_, is_signed) in METHODS.items():
        heatmap = rng.uniform(-1 if is_signed else 0, 1, (3, SIZE, SIZE))
        heatmaps[method] = heatmap.astype(np.float32)
        np.savez(
            folder / "heatmaps" / f"{method}.npz",
            heatmap=heatmaps[method],
            filename=np.array(names),
        )
    shown = np.array([2, 0])
    np.savez(
        folder / "examples.npz",
        image=rng.integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8),
        filename=np.array(names)[shown],
        index=shown,
        label=np.array([class_names[1]] * 2),
        truth=np.array(class_names)[[1, 0]],
        target=np.stack([np.eye(SIZE, dtype=bool), np.zeros((SIZE, SIZE), bool)]),
    )
    methods = [
        {
            "name": method,
            "kind": kind,
            "in_paper": kind != "baseline",
            "signed": is_signed,
            "seconds_per_image": 0.25,
            "failure": None,
        }
        for method, (kind, is_signed) in METHODS.items()
    ]
    failed = {"name": "broken", "kind": "analyzer", "failure": f"no {HOSTILE}"}
    methods.append(methods[1] | failed | {"seconds_per_image": None})
    comparison = {
        "settings": {
            "run": "run",
            "data": "polygons",
            "seed": 0,
            "num_images": 3,
            "image_size": [SIZE, SIZE],
        },
        "environment": {"python": "3.11"},
        "class_names": class_names,
        "majority_rate": 0.6,
        "accuracy": {"joint": 0.9, "classifier": 0.8},
        "methods": methods,
        "metrics": [
            {
                "name": metric,
                "label": metric.replace("_", " "),
                "group": group,
                "higher_is_better": higher_is_better,
                "description": f"Says {metric} [Someone 2020].",
                "chance": chance,
            }
            for metric, (group, higher_is_better, chance, _) in metrics.items()
        ],
        "values": values,
        "left_out": [{"metrics": ["leak score"], "reason": "It takes long."}],
    }
    (folder / "comparison.json").write_text(json.dumps(comparison))
    return heatmaps


def change(folder, **changes):
    path = folder / "comparison.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "compared"
    write_comparison(folder)
    return folder


def write(folder):
    out = folder.parent / "page.html"
    write_report([folder], out)
    return out.read_text(encoding="utf-8")


def verdict_of(folder):
    comparison = comparison_files.read_comparison(folder)
    return [point.striptags() for point in comparison_verdict.judge(comparison)]


def test_verdict_is_made_from_the_numbers(folder):
    assert verdict_of(folder) == [
        "On 3 images of 8 × 8 pixels, the joint model’s mask, 2 analyzers of the "
        "classifier and 1 baseline knowing nothing of it were compared. 1 method "
        "failed: broken. With its mask the joint model labels 90.0% right, the "
        "classifier without a mask labels 80.0% right; the most frequent answer would "
        "be right for 60.0%.",
        "Against the ground truth (n = 25) the joint mask is first in 1 of 2 measures "
        "(pointing game), by more than two standard errors. First elsewhere: lrp.z in "
        "1.",
        "In faithfulness to the classifier (n = 25) the joint mask is ahead of no "
        "method. First elsewhere: lrp.z in 1.",
        "A baseline is ahead of every analyzer in 0 of 2 measures.",
        "Analyzers that do no better than chance: 1 of 2 in pointing game (0.200).",
    ]


def test_verdict_hides_nothing_of_the_mask(tmp_path):
    """It is at chance, shares its first place, and its model has learned nothing."""
    at_chance = ("ground truth", True, 0.2, (0.2, 0.5, 0.1, 0.3))
    shared = ("complexity", True, None, (0.9, 0.9, 0.1, 0.2))
    folder = tmp_path / "compared"
    write_comparison(folder, metrics={"mass": at_chance, "gini": shared})
    change(folder, accuracy={"joint": 0.6, "classifier": 0.8})
    what, _, complexity, *_, ours, _ = verdict_of(folder)
    assert what.endswith("the joint model has learned nothing for a mask to explain.")
    assert complexity == (
        "In complexity (n = 25) the joint mask is first in the only measure (gini), by "
        "less than two standard errors, sharing it with others."
    )
    assert ours == "The joint mask does no better than chance in 1 of 1 measure: mass."


def test_verdict_without_a_joint_model(folder):
    methods = json.loads((folder / "comparison.json").read_text())["methods"]
    accuracy = {"joint": None, "classifier": 0.8}
    change(folder, methods=methods[1:3], accuracy=accuracy)
    first, *points = verdict_of(folder)
    assert first == (
        "On 3 images of 8 × 8 pixels, 2 analyzers of the classifier were compared. The "
        "classifier without a mask labels 80.0% right; the most frequent answer would "
        "be right for 60.0%."
    )
    assert not any("joint" in point for point in points)
    assert text_of(parse(write(folder)).find(".//h1")) == "Methods side by side"


@pytest.mark.parametrize(("lead", "level"), [(0.05, True), (0.06, False)])
def test_level_means_are_two_standard_errors_apart(lead, level):
    # Two errors of 0.1 / √25 = 0.02 make √2 · 0.02 = 0.028; twice that is 0.057.
    first = Value(0.5 + lead, 0.1, 25, 1)
    assert is_level(Value(0.5, 0.1, 25, 2), first) == level


def test_a_single_image_is_level_only_with_its_equal():
    assert is_level(Value(0.5, None, 1, 1), Value(0.5, None, 1, 1))
    assert not is_level(Value(0.4, None, 1, 2), Value(0.5, None, 1, 1))


def test_standings_go_from_worst_to_best(folder):
    comparison = comparison_files.read_comparison(folder)
    (truth, [pointing, mass]), (faith, [deletion]) = comparison_table.lay_out_standings(
        comparison
    )
    assert (truth, faith) == ("ground truth", "faithfulness")  # coverage is not ranked
    positions = {p.method.name: round(p.position) for p in pointing.places}
    assert positions == {"random": 12, "lrp.z": 50, "gradient": 0, "joint": 100}
    assert list(positions)[-1] == "joint"  # drawn over the others
    assert round(pointing.chance) == 12
    assert [p.method.name for p in mass.places] == ["lrp.z", "gradient", "joint"]
    lower_is_better = {p.method.name: round(p.position) for p in deletion.places}
    assert lower_is_better == {"random": 75, "lrp.z": 100, "gradient": 50, "joint": 0}
    assert (deletion.first, deletion.ours) == (("lrp.z", "0.100"), "0.300, 4th of 4")


def test_table_has_all_numbers_and_failed_methods_last(folder):
    page = parse(write(folder))
    table = page.xpath("//table[contains(@class, 'numbers-of-methods')]")[0]
    rows = {text_of(tr[0]): [text_of(td) for td in tr[1:]] for tr in table.iter("tr")}
    assert rows["chance"] == ["", "0.200", "", "", "", ""]
    assert rows["joint mask"] == [
        "ours",
        "0.900 ± 0.100",
        "0.400 ± 0.100",
        "0.300 ± 0.100",
        "0.010 ± 0.100",
        "0.250",
    ]
    assert rows["lrp.z"][0] == "analyzer, paper"
    assert rows["random"][2] == "–"
    assert rows["broken"] == ["analyzer", f"failed: no {HOSTILE}"]
    assert list(rows)[-1] == "broken"
    best = [text_of(td) for td in table.xpath(".//td[@class='best']")]
    assert best == ["0.900 ± 0.100", "0.600 ± 0.100", "0.100 ± 0.100"]
    [level] = table.xpath(".//td[@class='level']")
    assert level.get("title") == (
        "deletion of random: mean 0.15, standard deviation 0.1, n = 25, 2nd of 4"
    )
    assert level.get("data-value") == "0.15"
    headers = [text_of(th) for th in table.xpath(".//th[@data-sort]")]
    assert headers[2:5] == [
        "pointing game, higher is better↑ n = 25",
        "mass, higher is better↑ n = 25",
        "deletion, lower is better↓ n = 25",
    ]
    assert headers[5] == "coverage n = 25"


def test_numbers_of_images_are_told_where_methods_differ(folder):
    path = folder / "comparison.json"
    found = json.loads(path.read_text())
    found["values"]["gradient"]["mass"]["n"] = 24
    path.write_text(json.dumps(found))
    table = parse(write(folder)).find_class("numbers-of-methods")[0]
    headers = [text_of(th) for th in table.xpath(".//th[@data-sort]")]
    assert headers[3] == "mass, higher is better↑"
    assert headers[4] == "deletion, lower is better↓ n = 25"
    rows = {text_of(tr[0]): [text_of(td) for td in tr[1:]] for tr in table.iter("tr")}
    assert rows["gradient"][2] == "0.300 ± 0.100 n = 24"
    assert rows["joint mask"][2] == "0.400 ± 0.100 n = 25"
    assert rows["joint mask"][3] == "0.300 ± 0.100"


def test_examples_carry_the_heatmaps_of_their_index(tmp_path):
    heatmaps = write_comparison(tmp_path / "compared")
    articles = parse(write(tmp_path / "compared")).xpath("//article")
    assert [a.findtext(".//code") for a in articles] == ["000002.png", "000000.png"]
    assert [a.get("data-kinds") for a in articles] == [
        "correct positives",
        "misclassified negatives",
    ]
    for article, index in zip(articles, (2, 0), strict=True):
        pictures = article.xpath(".//img[@class='map']")
        assert len(pictures) == len(METHODS)
        for image, (method, (kind, is_signed)) in zip(
            pictures, METHODS.items(), strict=True
        ):
            heatmap = heatmaps[method][index].astype(np.float64)
            scale = 1 if kind == "joint" else np.abs(heatmap).max()
            codes = quantize(heatmap / scale, is_signed=is_signed)
            np.testing.assert_array_equal(decode_png(image.get("src")), codes)
            assert (image.get("data-signed") is not None) == is_signed
    [target] = articles[0].xpath(".//img[@class='target']/@src")
    np.testing.assert_array_equal(decode_png(target), np.eye(SIZE, dtype=bool))


def test_hostile_names_stay_text_and_tags_close(tmp_path):
    folder = tmp_path / "compared"
    write_comparison(
        folder, names=[f"{HOSTILE}{i}" for i in range(3)], class_name=HOSTILE
    )
    page = write(folder)
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert page.count("<script>") == page.count("</script>") == 1
    assert parse(page).text_content().count(HOSTILE) > 5


def test_many_measures_are_folded(tmp_path):
    many = {f"metric_{i}": METRICS["pointing_game"] for i in range(13)}
    write_comparison(tmp_path / "compared", metrics=many)
    page = parse(write(tmp_path / "compared"))
    assert text_of(page.find_class("more")[0][0]) == "3 more of ground truth"
    verdict = text_of(page.find_class("verdict")[0])
    assert "metric 5; 7 more), each by more than" in verdict


def test_ties_are_said_to_be_ties(tmp_path):
    alike = ("faithfulness", True, None, (0.0,) * 4)
    shared = ("sanity", True, None, (0.1, 0.9, 0.9, 0.9))
    folder = tmp_path / "compared"
    write_comparison(folder, metrics={"aopc": alike, "ssim": shared})
    comparison = comparison_files.read_comparison(folder)
    (_, [aopc]), (_, [ssim]) = comparison_table.lay_out_standings(comparison)
    assert (aopc.first[0], ssim.first[0]) == ("all alike", "random, lrp.z and 1 more")
    _, sanity, *_, undecided = verdict_of(folder)
    assert sanity == (
        "In sanity checks (n = 25) the joint mask is ahead of no method. First "
        "elsewhere: lrp.z in 1, gradient in 1, random in 1."
    )
    assert (aopc.ours, ssim.ours) == ("", "0.100, 4th of 4")
    assert undecided == "Measures that give every method the same value: aopc."


def test_images_without_ground_truth(folder):
    with np.load(folder / "examples.npz") as arrays:
        rest = {name: arrays[name] for name in arrays if name != "target"}
    np.savez(folder / "examples.npz", **rest)
    page = parse(write(folder))
    assert page.xpath("//article") and not page.xpath("//img[@class='target']")
    assert not page.xpath("//input[@class='outline']")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": [{"name": "x"}]}, "comparison.json lacks 'kind'"),
        ({"values": {}}, "comparison.json lacks 'joint'"),
        ({"accuracy": None}, "comparison.json is broken"),
        ({"settings": {}}, "comparison.json lacks 'run'"),
        ({"methods": 3}, "comparison.json is broken"),
    ],
)
def test_broken_numbers_are_named(folder, changes, message):
    change(folder, **changes)
    with pytest.raises(InputError, match=re.escape(message)):
        write(folder)


def test_a_missing_or_misshapen_heatmap_is_named(folder):
    path = folder / "heatmaps" / "gradient.npz"
    np.savez(path, heatmap=np.zeros((3, 4, 4)))
    with pytest.raises(InputError, match=r"gradient.npz holds .*\(4, 4\) pixels"):
        write(folder)
    path.unlink()
    with pytest.raises(InputError, match="gradient.npz does not exist"):
        write(folder)
