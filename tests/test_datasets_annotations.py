"""One annotation: its boxes, and what is refused."""

import gzip

import pytest

from keras_xai.datasets.annotations import read_annotation
from keras_xai.errors import InputError

XML = """<annotation><filename>a.png</filename>
<size><width>20</width><height>10</height><depth>3</depth></size>
<object><name>cat</name><bndbox><xmin>3</xmin><ymin>1</ymin>
<xmax>20</xmax><ymax>10</ymax></bndbox></object>{more}</annotation>"""


def test_boxes_become_half_open_and_0_based(tmp_path):
    (tmp_path / "a.xml").write_text(XML.format(more=""))
    annotation = read_annotation(tmp_path / "a.xml")
    assert (annotation.height, annotation.width) == (10, 20)
    assert annotation.objects[0] == ("cat", (2, 0, 20, 10))


@pytest.mark.parametrize(
    "text, message",
    [
        ("<annotation>", "not well-formed XML"),
        ("", "not well-formed XML"),
        ("<annotation/>", "no <size/height>"),
        (XML.format(more="<object/>"), "no <bndbox/xmin> in <object>"),
        (XML.replace("<xmin>3", "<xmin>left").format(more=""), "'left'.*integer"),
        (
            XML.replace("<ymax>10", "<ymax>99").format(more=""),
            "box of 'cat' from 3, 1 to 20, 99; expected one inside the image.*20x10",
        ),
        (
            '<!DOCTYPE annotation [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
            "<annotation><filename>&x;</filename></annotation>",
            "declares a document type",
        ),
        (
            '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "'
            + "&a;" * 10
            + '"><!ENTITY c "'
            + "&b;" * 10
            + '">]><annotation><filename>&c;</filename></annotation>',
            "declares a document type",
        ),
    ],
)
def test_bad_annotation_is_named(text, message, tmp_path):
    path = tmp_path / "bad.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"bad.xml.*{message}"):
        read_annotation(path)


def test_huge_annotation_is_refused_unread(tmp_path):
    path = tmp_path / "huge.xml"
    path.write_text("<annotation>" + " " * 10_000_001)
    with pytest.raises(InputError, match="huge.xml has more than 10000000 bytes"):
        read_annotation(path)


def test_compressed_annotation_is_not_unzipped(tmp_path):
    """What lxml opens by its name it unzips, and a small file may hold a large one."""
    path = tmp_path / "bomb.xml"
    path.write_bytes(gzip.compress(XML.format(more="").encode()))
    with pytest.raises(InputError, match="bomb.xml is not well-formed XML"):
        read_annotation(path)


def test_boxes_over_the_edge_are_cut_and_empty_ones_left_out(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(XML.format(more="").replace("<xmin>3", "<xmin>0"))
    assert read_annotation(path).objects[0].box == (0, 0, 20, 10)
    path.write_text(XML.format(more="").replace("<ymax>10", "<ymax>11"))
    assert read_annotation(path).objects[0].box == (2, 0, 20, 10)
    path.write_text(XML.format(more="").replace("<xmin>3", "<xmin>21"))
    assert read_annotation(path).objects == ()
    assert read_annotation(path).left_out == (1,)
