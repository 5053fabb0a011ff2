"""The page of several runs: recipes, means over seeds, and curves."""

import csv
import json
import statistics

import pytest
from pages import HOSTILE, parse, text_of
from tiny_run import CLASSIFIER_ROW, JOINT_ROW, write_csv

from keras_xai.errors import InputError
from keras_xai.report.report import write_report
from keras_xai.report.run_files import read_run
from keras_xai.report.run_recipes import group_runs


def write_run(folder, seed, accuracy, *, rows=(CLASSIFIER_ROW, JOINT_ROW), **options):
    """Writes a run folder of two planned epochs."""
    folder.mkdir(parents=True)
    stages = [{"name": name, "epochs": 1} for name in ("classifier", "joint")]
    settings = {
        "config": {"stages": stages, "dropout": 0.3} | options,
        "seed": seed,
        "class_names": ["no star", "star"],
        "num_train": 18,
        "num_validation": 6,
    }
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "environment.json").write_text("{}")
    rows = [*rows[:-1], rows[-1] | {"val_accuracy": accuracy}]
    write_csv(folder / "log.csv", list(JOINT_ROW), rows)
    return folder


def write(folders, out):
    write_report(folders, out)
    return parse(out.read_text(encoding="utf-8"))


def rows_of(page):
    table = page.xpath("//table[contains(@class, 'sortable')]")[0]
    return [[text_of(cell) for cell in row] for row in table.iter("tr")]


def test_runs_of_one_recipe_have_a_mean_and_a_spread(tmp_path):
    accuracies = [0.8, 0.9, 0.94]
    folders = [
        write_run(tmp_path / f"run{seed}", seed, accuracy)
        for seed, accuracy in enumerate(accuracies)
    ]
    page = write(folders[::-1], tmp_path / "page.html")
    header, *rows, mean = rows_of(page)
    assert header[:5] == ["run", "seed", "epochs", "accuracy", "majority rate"]
    assert [row[:4] for row in rows] == [
        ["run0", "0", "2", "80.0%"],
        ["run1", "1", "2", "90.0%"],
        ["run2", "2", "2", "94.0%"],
    ]
    share = statistics.fmean(accuracies), statistics.stdev(accuracies)
    text = f"{100 * share[0]:.1f} ± {100 * share[1]:.1f}%"
    assert mean[:3] == ["mean ± sd", "n = 3", text]
    verdict = text_of(page.find_class("verdict")[0])
    assert "3 runs of one recipe, 3 of them finished" in verdict
    assert f"labels {text} right (the majority rate is 50.3 ± 0.0%)" in verdict
    [legend] = page.xpath("//figure[.//h3='Accuracy: validation']//ul")
    assert (
        text_of(legend) == "seed 0 80.0% seed 1 90.0% seed 2 94.0% majority rate 50.3%"
    )
    assert text_of(page.find(".//h1")) == "3 runs"


def test_an_unfinished_run_is_shown_and_left_out_of_the_mean(tmp_path):
    folders = [
        write_run(tmp_path / "whole", 0, 0.9),
        write_run(tmp_path / "half", 1, 0.6, rows=[CLASSIFIER_ROW]),
    ]
    page = write(folders, tmp_path / "page.html")
    _, _, half = rows_of(page)  # a single run is its recipe's mean
    assert half[:4] == ["half", "1", "1 of 2", "60.0%"]
    folders.append(write_run(tmp_path / "other", 2, 0.8))
    *_, mean = rows_of(write(folders, tmp_path / "page.html"))
    assert mean[:3] == ["mean ± sd", "n = 2", "85.0 ± 7.1%"]


def test_recipes_are_told_apart_by_their_options(tmp_path):
    folders = [
        write_run(tmp_path / "a0", 0, 0.8),
        write_run(tmp_path / "b0", 0, 0.7, dropout=HOSTILE),
        write_run(tmp_path / "a1", 1, 0.9),
    ]
    recipes = group_runs([read_run(folder) for folder in folders])
    assert [[run.folder.name for run in recipe.runs] for recipe in recipes] == [
        ["a0", "a1"],
        ["b0"],
    ]
    assert [recipe.letter for recipe in recipes] == ["A", "B"]
    assert recipes[0].differences == "dropout 0.3"
    page = write(folders, tmp_path / "page.html")
    assert [row[:2] for row in rows_of(page)[1:4]] == [
        ["a0", "A"],
        ["a1", "A"],
        ["b0", "B"],
    ]
    assert f"Recipe B (dropout {HOSTILE})" in text_of(page.find_class("verdict")[0])


def test_recipes_that_differ_in_much_name_a_few_options(tmp_path):
    many = {f"option{i}": i for i in range(6)}
    folders = [
        write_run(tmp_path / "a", 0, 0.8),
        write_run(tmp_path / "b", 0, 0.7, **many),
    ]
    [_, recipe] = group_runs([read_run(folder) for folder in folders])
    assert recipe.differences == (
        "option0 0, option1 1, option2 2, option3 3, and 2 other options"
    )


def change_settings(folder, **settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return folder


def test_the_options_that_tell_most_recipes_apart_are_named_first(tmp_path):
    folders = [
        write_run(tmp_path / f"run{i}", 0, 0.8, a=i // 2, b=-1 / 51, c=0.1 * i)
        for i in range(3)
    ]
    recipes = group_runs([read_run(folder) for folder in folders])
    assert [r.differences for r in recipes] == ["c 0, a 0", "c 0.1, a 0", "c 0.2, a 1"]


def test_runs_of_one_recipe_may_be_of_different_data(tmp_path):
    folders = [
        change_settings(write_run(tmp_path / f"run{seed}", seed, 0.9), data_hash=data)
        for seed, data in enumerate(("abc", "def", "def"))
    ]
    change_settings(folders[0], num_train=19, num_validation=5)  # drawn by the seed
    page = write(folders, tmp_path / "page.html")
    verdict = text_of(page.find_class("verdict")[0])
    assert "The recipe, 3 finished runs on 2 data sets: labels" in verdict
    folders.append(write_run(tmp_path / "older", 3, 0.9))  # does not tell
    page = write(folders, tmp_path / "page.html")
    verdict = text_of(page.find_class("verdict")[0])
    assert "The recipe, 4 finished runs: labels" in verdict


def test_the_command_opens_your_own_classifier_as_it_was_opened(tmp_path):
    folder = write_run(tmp_path / "run", 0, 0.9)
    settings = {"classifier": {}, "at": ["a", "b"], "input_range": [-1, 1.0]}
    change_settings(folder, **settings, logits=True)
    command = write([folder], tmp_path / "page.html").findtext(".//pre")
    assert "--model MODEL --at a b --input-range -1 1 --logits" in command
    change_settings(folder, logits=False)
    command = write([folder], tmp_path / "page.html").findtext(".//pre")
    assert "--logits" not in command


def test_a_run_of_many_classes_has_no_target(tmp_path):
    folder = write_run(tmp_path / "run", 0, 0.9)
    path = folder / "config.json"
    settings = json.loads(path.read_text()) | {"class_names": ["a", "b", "c"]}
    path.write_text(json.dumps(settings))
    page = write([folder], tmp_path / "page.html")
    assert "tells 3 classes apart" in text_of(page.find_class("verdict")[0])
    assert "--target" not in page.findtext(".//pre")


def test_a_run_without_its_stages_epochs_is_refused(tmp_path):
    folder = write_run(tmp_path / "run", 0, 0.9, stages=[{"name": "joint"}])
    with pytest.raises(
        InputError, match="a stage without a name or a number of epochs"
    ):
        read_run(folder)


def test_log_is_read_as_numbers(tmp_path):
    folder = write_run(tmp_path / "run", 0, 0.9)
    with (folder / "log.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    read = read_run(folder).log
    assert [row["val_accuracy"] for row in read] == [
        float(row["val_accuracy"]) for row in written
    ]
    assert "val_coverage" not in read[0]  # an empty cell
