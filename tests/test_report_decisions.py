"""The page's section on a classifier's decisions."""

import json

import numpy as np
import pytest
from pages import HOSTILE, HOSTILE_FILE, Balance, decode_png, parse, text_of
from tiny_run import write_inputs

from keras_xai.errors import InputError
from keras_xai.report import pictures
from keras_xai.report.report import recognise, write_report

SIZE = 8
METHODS = {"lrp.z": True, "gradient": False}  # and whether it is signed


def write_decisions(
    folder, *, methods=METHODS, decoded=True, names=("cat", "dog"), failure="It died."
):
    """Writes a folder of `explain`: three images, two methods and one that failed."""
    rng = np.random.default_rng(4)
    folder.mkdir(parents=True)
    summary = {
        "settings": {
            "model": "pets.keras",
            "images": "photos",
            "method": [*methods, "lrp.flat"],
            "decoded": None,
            "input_range": [0.0, 255.0],
            "logits": True,
            "class_names": list(names),
            "classifier": "alone",
            "num_samples": 16,
            "seconds_per_method": 60.0,
            "batch_size": 32,
        },
        "environment": {"python": "3.11"},
        "class_names": list(names),
        "num_images": 3,
        "decisions": {names[1]: 2, names[0]: 1},
        "prob": {"mean": 0.75, "sd": 0.05},
        "methods": [
            {"name": name, "signed": is_signed, "failure": None}
            for name, is_signed in methods.items()
        ]
        + [{"name": "lrp.flat", "signed": True, "failure": failure}],
        "decoded": None,
    }
    (folder / "predictions.csv").write_text("filename,label,cat,dog\n")
    filenames = np.array([f"{names[0]}{i}.png" for i in range(3)])
    for i, name in enumerate(methods):
        (folder / name).mkdir()
        heatmap = (rng.normal(size=(3, SIZE, SIZE)) * 10**i).astype(np.float32)
        heatmap = heatmap if methods[name] else np.abs(heatmap)
        np.savez(folder / name / f"{name}.npz", heatmap=heatmap, filename=filenames)
    images = rng.integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    labels = np.array([names[1], names[0], names[1]])
    prob = np.array([0.7, 0.75, 0.8], np.float32)
    np.savez(
        folder / "examples.npz",
        image=images,
        filename=filenames,
        label=labels,
        prob=prob,
    )
    if decoded:
        values = {"squared_error": {"mean": 2.5, "sd": 0.5}, "agreement": 2 / 3}
        summary["decoded"] = {
            "layer": names[0],
            "code_shape": [2, 2, 4],
            "units": None,
            "methods": {"ref_ae": values | {"agreement": 1.0}, "cladec": values},
        }
        for method, share, errors, probs in (
            ("cladec", 0.5, [2.0, 2.5, 3.0], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]]),
            ("ref_ae", 1.0, [1.0, 1.5, 2.0], [[0, 1], [1, 0], [0, 1]]),
        ):
            (folder / method).mkdir()
            np.savez(
                folder / method / f"{method}.npz",
                filename=filenames,
                reconstruction=images.astype(np.float32) / 255 * share,
                squared_error=np.array(errors, np.float32),
                probs=np.array(probs, np.float32),
            )
    (folder / "decisions.json").write_text(json.dumps(summary))
    return folder


def page_of(folder):
    out = folder.parent / "page.html"
    write_report([folder], out)
    return parse(out.read_text(encoding="utf-8"))


def test_headline_says_what_was_decided_and_by_which_methods(tmp_path):
    page = page_of(write_decisions(tmp_path / "decided"))
    assert text_of(page.find(".//h1")) == "How pets.keras decides"
    [verdict] = page.find_class("verdict")
    assert text_of(verdict.find("p")) == (
        "Of 3 explained images 2 are labelled “dog” and 1 “cat”. "
        "The label’s probability is 75.0 ± 5.0% on average."
    )
    assert [text_of(point) for point in verdict.findall("ul/li")] == [
        "Red in the heatmaps of lrp.z speaks for the label, blue against it.",
        "Red in the heatmaps of gradient counts, for the label or against it.",
        "ClaDec shows what layer cat still knows: 66.7% of its reconstructions are "
        "labelled as their image, with a squared error of 2.500 ± 0.500; RefAE, which "
        "learns to reconstruct alone: 100.0%, 2.500 ± 0.500 (n = 3).",
        "lrp.flat failed: It died.",
    ]


def test_examples_hold_image_reconstructions_and_heatmaps(tmp_path):
    folder = write_decisions(tmp_path / "decided")
    articles = page_of(folder).xpath("//article")
    assert [text_of(article.find("header")) for article in articles] == [
        "predicted dog 70.0% cat0.png",
        "predicted cat 75.0% cat1.png",
        "predicted dog 80.0% cat2.png",
    ]
    with np.load(folder / "examples.npz") as arrays:
        images = arrays["image"]
    for i, article in enumerate(articles):
        captions = [list(e.itertext()) for e in article.xpath(".//figcaption")]
        assert captions == [
            ["original"],
            ["RefAE", f"seen as {'dog cat dog'.split()[i]}", f"error {1 + i / 2:g}"],
            ["ClaDec", f"seen as {'cat cat dog'.split()[i]}", f"error {2 + i / 2:g}"],
            ["lrp.", "z"],  # a line may break there
            ["gradient"],
        ]
        shown = [decode_png(uri) for uri in article.xpath(".//img/@src")]
        np.testing.assert_array_equal(shown[0], images[i])
        np.testing.assert_array_equal(shown[1], images[i])
        np.testing.assert_allclose(shown[2], images[i] / 2, atol=0.51)
        for pixels, (name, is_signed) in zip(shown[3:], METHODS.items(), strict=True):
            with np.load(folder / name / f"{name}.npz") as arrays:
                heatmap = arrays["heatmap"][i]
            relative = heatmap / np.abs(heatmap).max()
            expected = pictures.quantize(relative, is_signed=is_signed)
            np.testing.assert_array_equal(pixels, expected)


def test_either_kind_of_explanation_may_be_alone(tmp_path):
    page = page_of(write_decisions(tmp_path / "a" / "decided", methods={}))
    assert not page.xpath("//*[contains(@class, 'maps')]")
    assert len(page.xpath("(//article)[1]//img")) == 3
    page = page_of(write_decisions(tmp_path / "b" / "decided", decoded=False))
    assert len(page.xpath("//*[contains(@class, 'maps')]//article")) == 3
    assert len(page.xpath("(//article)[1]//img")) == 3
    assert "ClaDec" not in page.xpath("//main")[0].text_content()


def test_many_classes_are_summed_up_and_one_image_is_no_mean(tmp_path):
    folder = write_decisions(tmp_path / "decided")
    path = folder / "decisions.json"
    summary = json.loads(path.read_text())
    counts = {f"class {i}": 9 - i for i in range(8)}
    path.write_text(json.dumps(summary | {"decisions": counts, "num_images": 44}))
    lead = text_of(page_of(folder).find_class("lead")[0])
    assert "9 are labelled “class 0”, 8 “class 1”" in lead
    assert "5 “class 4” and 9 as one of 3 others." in lead
    path.write_text(json.dumps(summary | {"decisions": {"cat": 1}, "num_images": 1}))
    lead = text_of(page_of(folder).find_class("lead")[0])
    assert lead == "The image is labelled “cat”, with a probability of 75.0%."


def test_command_makes_the_folder_again(tmp_path):
    page = page_of(write_decisions(tmp_path / "decided"))
    assert page.find(".//pre").text.strip() == (
        "keras-xai explain pets.keras photos explained --method lrp.z gradient lrp.flat"
        " --input-range 0.0 255.0 --logits --class-names cat dog"
        " --seconds-per-method 60.0"
    )


def test_names_are_text_whatever_is_in_them(tmp_path):
    names = (HOSTILE, HOSTILE_FILE)
    folder = write_decisions(tmp_path / "decided", names=names, failure=HOSTILE)
    page = page_of(folder)
    text = (tmp_path / "page.html").read_text()
    assert text.count("<script>") == text.count("</script>") == 1
    assert not page.xpath("//@onerror | //marquee")
    assert page.text_content().count(HOSTILE) > 6
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    links = page.xpath("//@src | //@href")
    assert all(link.startswith(("data:", "#")) for link in links)


def test_decisions_beside_masks_are_on_their_page(tmp_path):
    inputs = write_inputs(tmp_path)
    nested = write_decisions(inputs.explained / "classifier")
    assert recognise(inputs.explained) == "explanations"
    for folders in (
        [inputs.explained, inputs.data],
        [inputs.explained, nested, inputs.data],
    ):
        write_report(folders, inputs.out)
        page = parse(inputs.out.read_text(encoding="utf-8"))
        assert [text_of(e) for e in page.xpath("//h1 | //section/h2")] == [
            "Explanations and explained decisions",
            "What the masks show",
            "What the decisions rest on",
            "How it was made",
        ]


def test_a_broken_folder_is_named(tmp_path):
    folder = write_decisions(tmp_path / "decided")
    path = folder / "decisions.json"
    summary = json.loads(path.read_text())

    def refused(match):
        with pytest.raises(InputError, match=match):
            page_of(folder)
        assert not (tmp_path / "page.html").exists()

    path.write_text("{}")
    refused("decisions.json lacks 'settings'")
    path.write_text(json.dumps(summary | {"methods": 3}))
    refused("decisions.json is broken")
    path.write_text(json.dumps(summary))
    small = np.zeros((3, 2, 2), np.float32)
    np.savez(folder / "lrp.z" / "lrp.z.npz", heatmap=small)
    refused(r"lrp.z.npz holds heatmaps of \(2, 2\) pixels; expected \(8, 8\)")
    (folder / "lrp.z" / "lrp.z.npz").unlink()
    refused("lrp.z.npz does not exist")
    path.unlink()
    (folder / "heatmaps.png").touch()
    refused("holds heatmaps without decisions.json")
