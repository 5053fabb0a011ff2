"""Whose output is which of the data's classes."""

import numpy as np
import pytest

from keras_xai.datasets.class_names import find_target, match_classes
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError


def make_split(labels, names):
    images = np.zeros((len(labels), 2, 2, 1), np.uint8)
    filenames = tuple(map(str, range(len(labels))))
    return Split(images, np.array(labels, np.int32), None, filenames, names)


def test_as_many_classes_as_outputs_are_theirs_in_order():
    split = make_split([0, 1, 1], ("cat", "dog"))
    assert match_classes(split, 2) is split


def test_named_outputs_find_their_classes():
    split = make_split([0, 1, 1, 2], ("car", "cat", "dog"))
    found = match_classes(split, 4, ["dog", "bear", "cat", "car"])
    assert found.class_names == ("dog", "bear", "cat", "car")
    assert found.labels.tolist() == [3, 2, 2, 0] and found.labels.dtype == np.int32


def test_numbers_are_places_unless_outputs_are_called_so():
    split = make_split([0, 1], ("0", "1"))
    assert match_classes(split, 3).class_names == ("0", "1", "2")
    named = match_classes(split, 3, ["a", "b", "c"])
    assert named.class_names == ("a", "b", "c") and named.labels.tolist() == [0, 1]
    assert match_classes(split, 2, ["1", "0"]).labels.tolist() == [1, 0]


def test_a_target_is_a_class_beside_its_negation():
    assert find_target(("no star", "star")) == "star"
    assert find_target(["star", "circle", "no star"]) == "star"
    assert find_target(("a", "b")) is None
    assert find_target(("a", "no a", "b", "no b")) is None


@pytest.mark.parametrize(
    ("classes", "num_classes", "names", "message"),
    [
        (("cat", "dog"), 3, None, "2 classes, cat, dog; expected 3, .*--class-names"),
        (("cat", "dog", "eel"), 2, None, "3 classes, cat, dog, eel; expected 2"),
        (("0", "1", "2"), 2, None, "3 classes, 0, 1, 2; expected 2"),
        (
            ("cat", "dog"),
            2,
            ["cat", "bear"],
            "class 'dog'; expected one of .*: cat, be",
        ),
        (("0", "1", "2"), 2, ["cat", "dog"], "class '0'; expected one of"),
        (("cat", "cat"), 2, None, "Two classes of the data have one name"),
        (("cat", "dog"), 3, ["cat", "dog"], "Expected 3 different names"),
        (("cat", "dog"), 2, ["cat", "cat"], "Expected 2 different names"),
    ],
)
def test_classes_without_an_output_are_refused(classes, num_classes, names, message):
    with pytest.raises(InputError, match=message):
        match_classes(make_split([0, 1], classes), num_classes, names)
