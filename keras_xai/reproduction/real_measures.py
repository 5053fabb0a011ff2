"""The numbers told about a cell on real images, by the columns of their tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_xai.reproduction.groups import Group, Result, finished

Measure = Callable[[Result], float | None]  # None: not defined for this result


def _result(*keys: str) -> Measure:
    def measure(result: Result) -> float:
        value: Any = result["result"]
        for key in keys:
            value = value[key]
        return value

    return measure


def _share(kind: str, count: str) -> Measure:
    """Returns a measure: the share of the conflicts that were decided this way."""

    def measure(result: Result) -> float:
        counts = result["result"][kind]
        return counts[count] / counts["num_conflicts"]

    return measure


def _shape_bias(kind: str) -> Measure:
    """Returns a measure: the share of shape among decisions for either, if any."""

    def measure(result: Result) -> float | None:
        counts = result["result"][kind]
        decided = counts["num_shape"] + counts["num_texture"]
        return counts["num_shape"] / decided if decided else None

    return measure


def class_accuracy(kind: str, class_name: str) -> Measure:
    """Returns a measure: the accuracy on one class, `alone` or `joint`."""
    return _result(kind, "class_accuracy", class_name)


CUE_CONFLICT_ACCURACY = {
    "chance": _result("chance"),
    "majority": _result("final", "majority_rate"),
    "accuracy alone": _result("alone", "accuracy"),
    "accuracy": _result("joint", "accuracy"),
}
CUE_CONFLICT_BIAS = {
    name + whose: measure
    for kind, whose in (("alone", " alone"), ("joint", ""), ("majority", ", majority"))
    for name, measure in (
        ("shape", _share(kind, "num_shape")),
        ("texture", _share(kind, "num_texture")),
        ("shape bias", _shape_bias(kind)),
    )
}
CUE_CONFLICT_MASKS = {
    "coverage": "coverage",
    "above .75": "above_threshold",
    "pieces": "num_pieces",
    "mass on object": "mass_on_object",
    "pointing game": "pointing_game",
    "object's share": "object_share",
}
RACCOON_ACCURACY = {
    "majority": _result("final", "majority_rate"),
    "sharpness": _result("sharpness"),
    "side": _result("side"),
    "accuracy alone": _result("alone"),
    "accuracy": _result("joint"),
    "coverage, negatives": _result("coverage_negatives"),
}
RACCOON_MASKS = {
    "POMPOM": "pompom",
    "POMPOM above .75": "pompom_above_threshold",
    "pointing game": "pointing_game",
    "mass in box": "mass_in_box",
    "box's share": "box_share",
    "coverage": "coverage",
}
WHOSE_MASKS = ("own", "swapped", "centre", "edges")  # see `baseline_masks`


def mask_measures(columns: Mapping[str, str], whose: str) -> dict[str, Measure]:
    """Returns the measures of masks, by column.

    Args:
        columns: column to name in the result.
        whose: one of `WHOSE_MASKS`.
    """
    return {column: _result("masks", whose, name) for column, name in columns.items()}


def _all_masks(columns: Mapping[str, str]) -> dict[str, Measure]:
    return {
        f"{column}, {whose}": measure
        for whose in WHOSE_MASKS
        for column, measure in mask_measures(columns, whose).items()
    }


MEASURES = {
    "cue-conflict": CUE_CONFLICT_ACCURACY
    | CUE_CONFLICT_BIAS
    | _all_masks(CUE_CONFLICT_MASKS),
    "raccoon": RACCOON_ACCURACY | _all_masks(RACCOON_MASKS),
}


def values_of(group: Group, measure: Measure) -> list[float]:
    """Lists a measure's values, by seed, where there is a result and it has one."""
    values = [measure(result) for result in finished(group)]
    return [value for value in values if value is not None]


def class_names(groups: Sequence[Group]) -> list[str]:
    """Lists the classes of cue-conflict cells, as far as there are results."""
    return sorted(
        {
            name
            for group in groups
            for result in finished(group)
            for name in result["result"]["joint"]["class_accuracy"]
        }
    )


def label_recipe(recipe: str) -> str:
    """Names a recipe as the cells' names do; ours on photographs is another one."""
    if recipe == "joint-2019":
        return recipe
    return recipe.replace("joint", "joint-photographs", 1)


def label_setting(name: str) -> str:
    """Names a setting, such as cue-conflict_joint_content, with its recipe's label."""
    data, recipe, *split_by = name.split("_")
    return "_".join([data, label_recipe(recipe), *split_by])
