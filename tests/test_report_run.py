import base64
import json
import re

import numpy as np
from pages import HOSTILE, HOSTILE_FILE, Balance, decode_png, parse, text_of
from PIL import ExifTags, Image
from tiny_run import CLASSIFIER_ROW, JOINT_ROW, SIZE, write, write_inputs

from keras_xai.datasets.images import read_image
from keras_xai.report import explanations, pictures


def test_page_loads_nothing_from_elsewhere(tmp_path):
    page = write(write_inputs(tmp_path))
    links = parse(page).xpath("//@src | //@href")
    assert len(links) > 12
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"https?:|url\(|@import", page)
    assert "default-src 'none'" in page


def test_page_is_well_formed(tmp_path):
    parser = Balance()
    parser.feed(write(write_inputs(tmp_path)))
    assert parser.open == []


def test_key_numbers_are_those_of_the_last_epoch(tmp_path):
    page = parse(write(write_inputs(tmp_path)))
    shown = {
        text_of(card.find("dt")): text_of(card.find_class("value")[0])
        for card in page.xpath("//dl[@class='metrics']/div")
    }
    assert shown == {
        "Accuracy": "91.2%",
        "Pointing game": "83.4%",
        "Mass on target": "61.5%",
        "Mass on others": "12.9%",
        "Overlap": "34.2%",
        "Mask coverage": "8.7%",
    }
    verdict = text_of(page.find_class("verdict")[0])
    assert "labels 91.2% of the 6 validation images right" in verdict
    assert "the most frequent answer would be right for 50.3%" in verdict
    assert (
        "61.5% lies on the target (of a constant mask’s, 5.6%) and 12.9% on other "
        "objects. Above 0.75 it overlaps with the target by an IoU of 34.2%." in verdict
    )
    assert "not finished" not in verdict
    facts = text_of(page.find_class("facts")[0])
    assert "18 training images" in facts
    assert "2 of 2 epochs" in facts
    assert "seed 41" in facts
    assert page.find_class("note")[0].getparent().tag == "noscript"


def test_a_run_without_other_objects_lacks_nothing(tmp_path):
    row = {k: v for k, v in JOINT_ROW.items() if k != "val_mass_on_distractors"}
    page = parse(write(write_inputs(tmp_path, rows=[row])))
    assert page.find_class("note")[0].getparent().tag == "noscript"
    verdict = text_of(page.find_class("verdict")[0])
    assert "61.5% lies on the target (of a constant mask’s, 5.6%)." in verdict


def test_an_unfinished_run_says_so(tmp_path):
    inputs = write_inputs(tmp_path)
    log = (inputs.run / "log.csv").read_text().splitlines(keepends=True)
    (inputs.run / "log.csv").write_text("".join(log[:2]))
    verdict = text_of(parse(write(inputs)).find_class("verdict")[0])
    assert "It is not finished: this is after 1 of 2 epochs." in verdict


def test_summary_says_when_a_model_is_no_better_than_the_majority(tmp_path):
    row = JOINT_ROW | {"val_accuracy": 0.5, "majority_rate": 0.5}
    page = parse(write(write_inputs(tmp_path, rows=[row])))
    verdict = text_of(page.find_class("verdict")[0])
    assert "no better than always giving the most frequent answer" in verdict


def test_a_run_of_stage_one_says_what_is_missing(tmp_path):
    inputs = write_inputs(tmp_path, rows=[CLASSIFIER_ROW])
    page = parse(write(inputs))
    assert text_of(page.find_class("note")[0]) == (
        "Missing: the last epoch, of stage “classifier”, logged no pointing game, "
        "mass on target, mass on others, overlap, mask coverage."
    )
    titles = page.xpath("//figure[@class='chart']//h3/text()")
    assert titles == ["Accuracy", "Cross-entropy"]
    assert "mask’s mass" not in text_of(page.find_class("verdict")[0])


def test_hostile_text_stays_text(tmp_path):
    rows = [CLASSIFIER_ROW, JOINT_ROW | {"stage": HOSTILE}]
    names = [f"{HOSTILE_FILE}{i}" for i in range(4)]
    inputs = write_inputs(tmp_path, rows=rows, target=HOSTILE, names=names)
    page = write(inputs)
    assert page.count("<script>") == page.count("</script>") == 1
    tree = parse(page)
    assert "alert" not in tree.find(".//script").text
    assert not tree.xpath("//@onerror | //marquee")
    text = tree.text_content()
    assert text.count(HOSTILE) > 10
    assert text.count(names[0]) == 1
    assert any(names[0] in alt for alt in tree.xpath("//img/@alt"))


def test_examples_carry_mask_prediction_and_truth(tmp_path):
    inputs = write_inputs(tmp_path)
    page = parse(write(inputs))
    articles = page.xpath("//article")
    names = [article.findtext(".//code") for article in articles]
    assert names == [f"00000{i}.png" for i in (1, 3, 5, 0, 2, 4)]
    assert [text_of(a.find("header")) for a in articles[:2]] == [
        "predicted no star 89.0% ✗ truth: star 000001.png",
        "predicted star 87.0% ✓ truth: star 000003.png",
    ]
    for name, article in zip(names, articles, strict=True):
        mask = inputs.masks[name]
        [uri] = article.xpath(".//img[@class='map']/@src")
        np.testing.assert_array_equal(decode_png(uri), pictures.quantize(mask))
        [uri] = article.xpath(".//img[@class='image']/@src")
        pixels = np.asarray(Image.open(inputs.data / "JPEGImages" / name))
        np.testing.assert_array_equal(decode_png(uri), pixels)
        [share] = article.xpath(".//*[@class='share']/text()")
        assert share == f"{(mask > 0.75).mean():.1%}"


def test_counts_are_of_all_validation_images(tmp_path, monkeypatch):
    monkeypatch.setattr(explanations, "NUM_EXAMPLES", 1)
    page = parse(write(write_inputs(tmp_path, wrong=(1, 0, 3))))
    assert len(page.xpath("//article")) == 1
    assert [text_of(e) for e in page.find_class("group")] == ["Misclassified 1 of 3"]
    table = page.xpath("//table[caption='All explained validation images']")[0]
    rows = [[int(td.text) for td in tr.findall("td")] for tr in table.xpath("tbody/tr")]
    assert rows == [[2, 1], [2, 1]]


def test_recipe_and_command_repeat_the_run(tmp_path):
    inputs = write_inputs(tmp_path)
    page = parse(write(inputs))
    [uri] = page.xpath("//a[@download='recipe.json']/@href")
    assert json.loads(base64.b64decode(uri.split(",")[1])) == inputs.config
    command = page.findtext(".//pre")
    assert f"keras-xai train {inputs.data} {inputs.run}-again" in command
    assert "--recipe recipe.json --seed 41 --target star --precision float32" in command


def test_a_data_set_without_lists_of_a_class_is_read_by_its_annotations(tmp_path):
    inputs = write_inputs(tmp_path)
    write(inputs)
    expected = inputs.out.read_text()
    path = inputs.data / "ImageSets" / "Main" / "star_val.txt"
    lines = [line.split() for line in path.read_text().splitlines()]
    path.unlink()
    path.with_name("val.txt").write_text("".join(f"{name}\n" for name, _ in lines))
    (inputs.data / "Annotations").mkdir()
    star = (
        "<object><name>star</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax>"
        "<ymax>3</ymax></bndbox></object>"
    )
    for name, sign in lines:
        (inputs.data / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.png</filename><size><width>{SIZE}</width>"
            f"<height>{SIZE}</height></size>{star if sign == '1' else ''}</annotation>"
        )
    write(inputs)
    assert inputs.out.read_text() == expected


def test_a_list_may_have_names_with_blanks_and_difficult_images(tmp_path):
    inputs = write_inputs(tmp_path, names=["IMG 0", "IMG 1", "IMG 2"], wrong=())
    path = inputs.data / "ImageSets" / "Main" / "star_val.txt"
    path.write_text("\ufeffIMG 0  -1\nIMG 1   0\n\nIMG 2  -1\n", encoding="utf-8")
    page = parse(write(inputs))
    names = page.xpath("//article//code")
    assert [text_of(name) for name in names] == ["IMG 1.png", "IMG 0.png", "IMG 2.png"]
    assert [text_of(mark) for mark in page.find_class("mark")] == [
        "✓ truth: star",
        "✓ truth: no star",
        "✓ truth: no star",
    ]


def test_images_are_decoded_as_they_were_explained(tmp_path):
    inputs = write_inputs(tmp_path, wrong=())
    path = inputs.data / "JPEGImages" / "000001.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[0] = 0, 0, 255, 255  # a blue line above transparency
    Image.fromarray(pixels).save(path, exif=exif)
    expected = read_image(path, 3, (SIZE, SIZE))
    [shown] = parse(write(inputs)).xpath("//img[@alt='Image 000001.png']/@src")
    np.testing.assert_array_equal(decode_png(shown), expected)
