"""The classes of a classifier's outputs, and a data set's, which are often others."""

from collections.abc import Sequence

import numpy as np

from keras_xai.datasets.split import Split
from keras_xai.errors import InputError


def name_classes(names: Sequence[str] | None, num_classes: int) -> tuple[str, ...]:
    """Names a classifier's classes.

    Args:
        names: one a class, or None for "class 0", "class 1" and so on.
        num_classes: how many there are.

    Raises:
        InputError: if there are more names or fewer, or one is there twice.
    """
    if names is None:
        return tuple(f"class {i}" for i in range(num_classes))
    if len(names) != num_classes or len(set(names)) != num_classes:
        raise InputError(
            f"Invalid value for `class_names`. Expected {num_classes} different names, "
            "one for each of the model's outputs. "
            f"Received: {len(names)}: {', '.join(names)}"
        )
    return tuple(names)


def find_target(class_names: Sequence[str]) -> str | None:
    """Finds the class that is there or not, as in "no triangle" and "triangle".

    Args:
        class_names: of a split or a classifier, in any order.

    Returns:
        Its name; None if no class, or more than one, stands beside its negation.
    """
    found = [name for name in class_names if f"no {name}" in class_names]
    return found[0] if len(found) == 1 else None


def match_classes(
    split: Split, num_classes: int, names: Sequence[str] | None = None
) -> Split:
    """Gives a split the classes of a classifier, in the order of its outputs.

    Args:
        split: whose labels are of its own classes. Classes that are called 0, 1, 2 and
            so on are places among the outputs, unless `names` has them.
        num_classes: how many outputs the classifier has.
        names: of the outputs; None if they are the split's own, in its order.

    Returns:
        The split, with a class for every output.

    Raises:
        InputError: if the split has a class that no output has, or a name twice, more
            classes than there are outputs, or fewer and no `names`.
    """
    own = split.class_names
    if len(set(own)) != len(own):
        raise InputError(
            "Two classes of the data have one name; expected different names. "
            f"Received: {', '.join(own)}"
        )
    are_places = own == tuple(str(i) for i in range(len(own)))
    if names is None:
        if len(own) == num_classes:
            return split
        if are_places and len(own) < num_classes:
            return split._replace(class_names=tuple(map(str, range(num_classes))))
        raise InputError(
            f"The data have {len(own)} classes, {', '.join(own)}; expected "
            f"{num_classes}, one for each of the model's outputs in their order, or "
            "the outputs' names as --class-names (`names` in Python)."
        )
    names = name_classes(names, num_classes)
    unknown = [name for name in own if name not in names]
    if are_places and unknown and len(own) <= num_classes:
        return split._replace(class_names=names)
    if unknown:
        raise InputError(
            f"The data have a class {unknown[0]!r}; expected one of the model's: "
            f"{', '.join(names)}."
        )
    places = np.array([names.index(name) for name in own], np.int32)
    return split._replace(labels=places[split.labels], class_names=names)
