"""Which folders make a page, and `keras-xai report`."""

import json

import numpy as np
import pytest
from pages import parse, text_of
from PIL import Image
from test_cli import fails
from test_report_comparison import write_comparison
from test_report_decisions import write_decisions
from test_report_runs import write_run
from tiny_run import write_inputs

from keras_xai.cli import main
from keras_xai.datasets.images import read_image
from keras_xai.errors import InputError
from keras_xai.report.report import recognise, write_report
from keras_xai.report.truths import read_truths


def write_decoding(folder, layer="pool", *, reference=True):
    """Writes a folder of `decode`: four images of two classes, one misclassified."""
    rng = np.random.default_rng(2)
    folder.mkdir(parents=True)
    methods = [*(["ref_ae"] if reference else []), "cladec"]
    settings = {
        "layer": layer,
        "code_shape": [3, 3, 4],
        "units": None,
        "methods": methods,
        "seed": 0,
        "num_train": 8,
        "num_test": 4,
        "class_names": ["bag", "boot"],
        "config": {"epochs": 1, "batch_size": 2, "alpha": 0.25},
        "environment": {"python": "3.11"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    metrics = ["method,metric,mean,sd,n", "original,accuracy,0.75,0.4,4"]
    columns = ["filename", "label", "prediction"]
    for method in methods:
        metrics += [f"{method},accuracy,0.5,0.5,4", f"{method},squared_error,2.5,0.5,4"]
        columns += [f"{method}_{c}" for c in ("prediction", "squared_error", "ssim")]
    (folder / "metrics.csv").write_text("\n".join(metrics) + "\n")
    rows = [
        [
            f"{i}.png",
            str(i % 2),
            str(1 if i == 0 else i % 2),
            *["0", "2.5", "0.5"] * len(methods),
        ]
        for i in range(4)
    ]
    lines = [",".join(row) for row in [columns, *rows]]
    (folder / "images.csv").write_text("\n".join(lines) + "\n")
    np.savez(
        folder / "reconstructions.npz",
        image=rng.integers(0, 256, (4, 6, 6, 1), dtype=np.uint8),
        **{
            method: rng.uniform(size=(4, 6, 6, 1)).astype(np.float32)
            for method in methods
        },
    )
    return folder


@pytest.fixture
def folders(tmp_path):
    """One folder of each kind, and the data set."""
    inputs = write_inputs(tmp_path)
    write_comparison(tmp_path / "compared")
    decoded = write_decoding(tmp_path / "decoded")
    return {
        "comparison": tmp_path / "compared",
        "run": inputs.run,
        "explanations": inputs.explained,
        "decisions": write_decisions(tmp_path / "decided"),
        "decoding": decoded,
        "data": inputs.data,
    }


def titles_of(out):
    page = parse(out.read_text(encoding="utf-8"))
    return [text_of(e) for e in page.xpath("//h1 | //section/h2")]


def test_a_folder_is_recognised_by_what_it_holds(folders):
    assert {kind: recognise(folder) for kind, folder in folders.items()} == {
        kind: kind for kind in folders
    }


def test_one_page_holds_any_mix(folders, tmp_path, capsys):
    other = write_decoding(tmp_path / "other", "fc", reference=False)
    more = write_run(tmp_path / "more", 1, 0.9)
    out = tmp_path / "new" / "page.html"
    arguments = [*folders.values(), other, more, out]
    assert main(["report", *map(str, arguments)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert titles_of(out) == [
        "2 runs, explanations, explained decisions, a comparison and 2 decoded layers",
        "How they learned",
        "What the masks show",
        "What the decisions rest on",
        "The mask beside other methods",
        "What is left of the images",
        "How it was made",
    ]
    page = parse(out.read_text(encoding="utf-8"))
    links = page.xpath("//div[@class='verdict']//a/@href")
    assert all(page.xpath(f"//*[@id='{link[1:]}']") for link in links)
    assert len(page.xpath("//style")) == len(page.xpath("//script")) == 1


def test_a_data_set_of_something_else_is_refused(folders, tmp_path):
    out = tmp_path / "page.html"
    with pytest.raises(InputError, match="tells of runs and explanations alone"):
        write_report([folders["comparison"], folders["data"]], out)
    path = folders["run"] / "config.json"
    settings = json.loads(path.read_text()) | {"class_names": ["no moon", "moon"]}
    path.write_text(json.dumps(settings))
    (folders["data"] / "ImageSets/Main/moon_val.txt").write_text("000000 -1\n")
    with pytest.raises(InputError, match="no validation image as one of no moon, moon"):
        write_report([folders["run"], folders["data"]], out)
    images = tmp_path / "images"
    for name in ("cat", "dog"):
        (images / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (8, 8)).save(images / name / f"{i}.png")
    with pytest.raises(InputError, match="has a class 'cat'; expected one of no moon"):
        write_report([folders["run"], images], out)
    assert not out.exists()


def test_folders_of_one_kind_are_told_apart_by_name(tmp_path):
    for name in ("first", "second"):
        write_comparison(tmp_path / name)
    out = tmp_path / "page.html"
    write_report([tmp_path / "first", tmp_path / "second"], out)
    assert titles_of(out)[:3] == [
        "2 comparisons",
        "The mask beside other methods: first",
        "The mask beside other methods: second",
    ]


def test_explanations_alone_show_overlays(folders, tmp_path):
    folder = folders["explanations"]
    (folder / "overlays").mkdir()
    for i in range(6):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(
            folder / "overlays" / f"{i:06d}.png.png"
        )
    out = tmp_path / "page.html"
    write_report([folder], out)
    page = parse(out.read_text(encoding="utf-8"))
    assert len(page.xpath("//article")) == 6
    verdict = text_of(page.find_class("verdict")[0])
    assert verdict == (
        "Of 6 explained images, 4 were labelled “no star”, 2 were labelled “star”."
    )
    assert "truth" not in text_of(page.xpath("//article")[0])


def test_decoded_layers_are_a_table_and_pictures(tmp_path):
    folder = write_decoding(tmp_path / "decoded")
    out = tmp_path / "page.html"
    write_report([folder], out)
    page = parse(out.read_text(encoding="utf-8"))
    assert text_of(page.find(".//h1")) == "What pool still knows"
    [table] = page.xpath("//table[contains(@class, 'sortable')]")
    rows = [[text_of(cell) for cell in row] for row in table.xpath("tbody/tr")]
    assert rows == [
        ["pool", "original", "–", "–", "–", "–", "75.0%", "–"],
        ["pool", "RefAE", "2.500 ± 0.500", "–", "–", "–", "50.0%", "–"],
        ["pool", "ClaDec", "2.500 ± 0.500", "–", "–", "–", "50.0%", "–"],
    ]
    verdict = text_of(page.find_class("verdict")[0])
    assert "Layer pool, 3 × 3 × 4 values: of the 4 test images" in verdict
    assert "(the majority rate is 50.0%)" in verdict
    groups = [text_of(e) for e in page.find_class("group")]
    assert groups == ["Misclassified 1 of 1", "Correct 3 of 3"]
    assert len(page.xpath("//article")) == 4
    assert len(page.xpath("(//article)[1]//img")) == 3
    assert "alpha = 0.25 as in Equation 1" in page.text_content()
    assert "0.75 as Table 2" in page.text_content()


def test_numbers_of_test_images_are_told_where_they_differ(tmp_path):
    folder = write_decoding(tmp_path / "decoded")
    write_report([folder], tmp_path / "page.html")
    page = parse((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "Means over the 4 test images" in page.text_content()
    path = folder / "metrics.csv"
    path.write_text(
        path.read_text().replace(
            "cladec,accuracy,0.5,0.5,4", "cladec,accuracy,0.5,0.5,3"
        )
    )
    write_report([folder], tmp_path / "page.html")
    page = parse((tmp_path / "page.html").read_text(encoding="utf-8"))
    [table] = page.xpath("//table[contains(@class, 'sortable')]")
    last = [text_of(cell) for cell in table.xpath("tbody/tr[last()]/td")]
    assert last[1] == "2.500 ± 0.500 n = 4" and last[5] == "50.0% n = 3"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("settings.json", "{}", "settings.json lacks `layer`"),
        ("settings.json", "[]", "settings.json holds no JSON object"),
        ("metrics.csv", "method,metric\noriginal,accuracy\n", "decoded is broken"),
        ("images.csv", "filename,label\n", "decoded is broken"),
    ],
)
def test_a_broken_decoding_is_named(tmp_path, name, text, message):
    folder = write_decoding(tmp_path / "decoded")
    (folder / name).write_text(text)
    with pytest.raises(InputError, match=message):
        write_report([folder], tmp_path / "page.html")


def write_class_folders(root):
    """Writes six images of three classes, two for validation, and explanations."""
    names = [f"{part}/{c}/{c}.png" for part in ("train", "val") for c in "abc"]
    rng = np.random.default_rng(0)
    for name in names:
        path = root / "photos" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    explained = root / "explained"
    explained.mkdir()
    probs = {"a": "0.8,0.1,0.1", "b": "0.1,0.8,0.1", "c": "0.7,0.2,0.1"}
    rows = [f"{n},{'a' if n[-5] == 'c' else n[-5]},{probs[n[-5]]}" for n in names]
    text = "\n".join(["filename,label,a,b,c", *rows])
    (explained / "predictions.csv").write_text(text)
    masks = rng.uniform(size=(6, 8, 8)).astype(np.float32)
    np.savez(explained / "masks.npz", mask=masks, filename=np.array(names))
    return explained, root / "photos"


def test_class_folders_give_images_and_true_labels(tmp_path):
    explained, photos = write_class_folders(tmp_path)
    write_report([explained, photos], tmp_path / "page.html")
    page = parse((tmp_path / "page.html").read_text(encoding="utf-8"))
    names = [text_of(name) for name in page.xpath("//article//code")]
    assert names == ["val/c/c.png", "val/a/a.png", "val/b/b.png"]
    marks = [text_of(mark) for mark in page.find_class("mark")]
    assert marks == ["✗ truth: c", "✓ truth: a", "✓ truth: b"]
    assert "of 3 explained validation images, 2 are labelled right" in text_of(
        page.find_class("verdict")[0]
    ).replace("Of", "of")
    titles = [text_of(title) for title in page.find_class("group")]
    assert titles == ["Misclassified 1 of 1", "Rightly labelled 2 of 2"]


def test_truths_are_places_among_the_explained_classes(tmp_path):
    _, photos = write_class_folders(tmp_path)
    names = [f"{c}/{c}.png" for c in "abc"]  # of photos/val, explained alone
    found = read_truths(photos, names, ["c", "x", "a", "b"])
    assert {name: truth.label for name, truth in found.items()} == {
        "a/a.png": 2,
        "b/b.png": 3,
        "c/c.png": 0,
    }
    expected = read_image(photos / "val" / "b" / "b.png", 3)
    np.testing.assert_array_equal(found["b/b.png"].load((8, 8)), expected)
    inputs = write_inputs(tmp_path / "voc")
    names = [f"{i:06d}.png" for i in range(6)]
    for classes in (["no star", "star"], ["star", "x", "no star"]):
        found = read_truths(inputs.data, names, classes)
        labels = [classes[truth.label] for truth in found.values()]
        assert labels == ["no star", "star"] * 3
    with pytest.raises(InputError, match="of the classes cat, dog; expected one that"):
        read_truths(inputs.data, names, ["cat", "dog"])


def test_an_array_gives_images_and_true_labels(tmp_path, rng):
    images = rng.integers(0, 256, (4, 8, 8), dtype=np.uint8)
    labels = np.array([0, 1, 1, 0])
    path = tmp_path / "set.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    names = [f"{i:06d}" for i in range(4)]
    found = read_truths(path, names, ["0", "1", "2"])
    assert [found[name].label for name in names] == labels.tolist()
    expected = images[2][..., None].repeat(3, axis=-1)
    np.testing.assert_array_equal(found["000002"].load((8, 8)), expected)
    assert recognise(path) == "data"
    with pytest.raises(InputError, match="no image 000003, which .*set.npz has"):
        read_truths(path, names[:3], ["0", "1"])
    with pytest.raises(InputError, match="set.npz has a class '1'; expected one of 0"):
        read_truths(path, names, ["0", "x"])


def test_class_folders_of_other_classes_or_images_are_refused(tmp_path):
    explained, photos = write_class_folders(tmp_path)
    (photos / "val" / "a" / "a.png").rename(photos / "val" / "a" / "new.png")
    with pytest.raises(InputError, match="no image val/a/new.png, which .*photos has"):
        write_report([explained, photos], tmp_path / "page.html")
    (photos / "train" / "c").rename(photos / "train" / "d")
    (photos / "val" / "c").rename(photos / "val" / "d")
    with pytest.raises(InputError, match="has a class 'd'; expected one of a, b, c"):
        write_report([explained, photos], tmp_path / "page.html")


def test_what_makes_no_page_gets_one_sentence(folders, tmp_path, capsys):
    out = tmp_path / "page.html"

    def refused(*arguments):
        message = fails(capsys, "report", *arguments)
        assert not out.exists()
        return message

    assert "missing does not exist" in refused(tmp_path / "missing", out)
    log = folders["run"] / "log.csv"
    assert "log.csv is no folder" in refused(log, out)
    message = refused(tmp_path, out)
    assert "is none that a report is made of" in message
    assert "As class folders: " in message
    assert "expected a file that ends in .html" in refused(*folders.values())
    message = fails(capsys, "report", folders["run"], log / "page.html")
    assert message == f"keras-xai report: {log}: File exists\n"
    assert "given twice" in refused(folders["run"], folders["run"] / ".", out)
    assert "nothing to report" in refused(folders["data"], out)
    (tmp_path / "data2" / "JPEGImages").mkdir(parents=True)
    assert "expected at most one" in refused(*folders.values(), tmp_path / "data2", out)
