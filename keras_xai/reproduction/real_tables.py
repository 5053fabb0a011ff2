"""The cells on real images as Markdown tables."""

from collections.abc import Iterator, Mapping

from keras_xai.reproduction.groups import Group, finished, format_count
from keras_xai.reproduction.ledger import format_spread
from keras_xai.reproduction.markdown import table_header, table_row
from keras_xai.reproduction.real_measures import (
    CUE_CONFLICT_ACCURACY,
    CUE_CONFLICT_BIAS,
    CUE_CONFLICT_MASKS,
    RACCOON_ACCURACY,
    RACCOON_MASKS,
    WHOSE_MASKS,
    Measure,
    class_accuracy,
    class_names,
    label_setting,
    mask_measures,
    values_of,
)

Groups = Mapping[str, Group]  # setting to its cells


def write_tables(cue_conflict: Groups, raccoon: Groups, profile: str) -> str:
    """Writes all tables; what has not been run is listed.

    Args:
        cue_conflict: settings on cue-conflict images.
        raccoon: settings on raccoons.
        profile: the cells' profile.
    """
    lines = [
        f"Profile `{profile}`; validation images; mean ± standard deviation over "
        "seeds, which draw the split too. `alone` is the classifier after stage 1, "
        "under a white mask; the joint model's has learned in stage 3 too. Images have "
        "112×112 pixels in profile paper; all was trained in mixed_bfloat16. "
        "`joint-photographs` is our recipe, at .22 of its price of the mask on cue "
        "conflict and .035 on raccoons.",
        "",
        *_missing({**cue_conflict, **raccoon}),
        "## Cue conflict: accuracy",
        "",
        "The label is the shape. Split by content, no object of the validation images "
        "is among those of training; split by image, most are.",
        "",
        *_table(cue_conflict, CUE_CONFLICT_ACCURACY),
        *_pretraining(cue_conflict),
        "## Cue conflict: shape or texture",
        "",
        "Shares of the images whose shape and texture are of different classes; shape "
        "bias is the share of shape among decisions for either. By chance, shape and "
        "texture are .0625 each and the bias is .5; `majority` always answers the "
        "most frequent class.",
        "",
        *_table(cue_conflict, CUE_CONFLICT_BIAS),
        "## Cue conflict: masks",
        "",
        "Baselines: `swapped` gives each image another's mask, `centre` is a Gaussian, "
        "`edges` are Sobel's. The object is its filled silhouette; a constant mask's "
        "mass and pointing game are the object's share of the image. Pieces are of "
        "connected pixels above .75, at least a thousandth of the image.",
        "",
        *_mask_table(cue_conflict, CUE_CONFLICT_MASKS),
        "## Cue conflict: accuracy by class",
        "",
        *_class_table(cue_conflict),
        "## Raccoons and background of the same photographs: accuracy",
        "",
        "`…-boxes` is the recipe with the loss outside the boxes; `sharpness` and "
        "`side` are thresholds on the variance of the Laplacian and on the side of the "
        "window, cues that the windows leave; negatives are windows without a raccoon.",
        "",
        *_table(raccoon, RACCOON_ACCURACY),
        "## Raccoons: masks",
        "",
        "Of windows with a raccoon; baselines as above. A constant mask's mass and "
        "pointing game are the box's share of the image. POMPOM is the share of the "
        "pixels off the box that are lit at all, or above .75; less is better.",
        "",
        *_mask_table(raccoon, RACCOON_MASKS),
    ]
    return "\n".join(lines)


def _table(groups: Groups, measures: Mapping[str, Measure]) -> Iterator[str]:
    yield from table_header("setting", "n", *measures)
    for name, group in _measured(groups).items():
        values = [_format(group, measure) for measure in measures.values()]
        yield table_row(label_setting(name), format_count(group), *values)
    yield ""


def _mask_table(groups: Groups, columns: Mapping[str, str]) -> Iterator[str]:
    yield from table_header("setting", "n", "masks", *columns)
    for name, group in _measured(groups).items():
        for whose in WHOSE_MASKS:
            measures = mask_measures(columns, whose).values()
            values = [_format(group, measure) for measure in measures]
            yield table_row(label_setting(name), format_count(group), whose, *values)
    yield ""


def _class_table(groups: Groups) -> Iterator[str]:
    groups = _measured(groups)
    yield from table_header("class", *map(label_setting, groups))
    yield table_row("n", *map(format_count, groups.values()))
    for name in class_names(list(groups.values())):
        measure = class_accuracy("joint", name)
        yield table_row(name, *(_format(group, measure) for group in groups.values()))
    yield ""


def _measured(groups: Groups) -> Groups:
    return {name: group for name, group in groups.items() if finished(group)}


def _missing(groups: Groups) -> Iterator[str]:
    missing = [label_setting(name) for name in groups if name not in _measured(groups)]
    if missing:
        yield f"Not measured yet: {', '.join(missing)}."
        yield ""


def _pretraining(groups: Groups) -> Iterator[str]:
    rows = [r["result"]["pretraining"] for g in groups.values() for r in finished(g)]
    for row in [row for row in rows if row is not None][:1]:  # one for all
        yield (
            "Pretraining on TinyImageNet, on those of its classes that match: accuracy "
            f"{row['val_accuracy']:.3f}, majority {row['majority_rate']:.3f}."
        )
        yield ""


def _format(group: Group, measure: Measure) -> str:
    values = values_of(group, measure)
    return format_spread(values) if values or not finished(group) else "undefined"
