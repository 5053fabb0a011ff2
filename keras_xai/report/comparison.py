"""The section on comparisons of `compare`: numbers, and heatmaps side by side."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_xai.datasets.class_names import find_target
from keras_xai.errors import InputError
from keras_xai.report import pictures
from keras_xai.report.comparison_files import Comparison, Kind, Method, read_comparison
from keras_xai.report.comparison_table import (
    common_n,
    group_metrics,
    lay_out_rows,
    lay_out_standings,
)
from keras_xai.report.comparison_verdict import judge
from keras_xai.report.files import read_arrays, read_heatmaps
from keras_xai.report.page import Made, Section, to_table
from keras_xai.report.pictures import Heatmap, Picture

NUM_STANDINGS = 10  # of a group that are shown unfolded


class Example(NamedTuple):
    """One image with the heatmaps of all methods.

    Attributes:
        filename: of the image.
        label: what the model says.
        truth: what it is.
        is_positive: whether the target is there; None unless there are two classes.
        image: a data URI.
        target: likewise, white on the target; None without ground truth.
        heatmaps: of each method, in the order of the page.
    """

    filename: str
    label: str
    truth: str
    is_positive: bool | None
    image: str
    target: str | None
    heatmaps: list[tuple[Method, Picture]]

    def of_kind(self, kind: Kind) -> list[tuple[Method, Picture]]:
        """Returns the heatmaps of one kind of method."""
        return [pair for pair in self.heatmaps if pair[0].kind == kind]

    @property
    def kinds(self) -> str:
        """What the page's filter asks for."""
        kinds = ["correct" if self.label == self.truth else "misclassified"]
        if self.is_positive is not None:
            kinds.append("positives" if self.is_positive else "negatives")
        return " ".join(kinds)


def build_section(folder: Path) -> Section:
    """Lays out one comparison.

    Args:
        folder: of `compare`.

    Raises:
        InputError: if a file is missing or broken.
    """
    comparison = read_comparison(folder)
    examples, (height, width) = _read_examples(folder, comparison)
    has_joint = any(method.kind == "joint" for method in comparison.working_methods)
    title = "The mask beside other methods" if has_joint else "Methods side by side"
    content = {
        "comparison": comparison,
        "groups": group_metrics(comparison),
        "rows": lay_out_rows(comparison),
        "standings": lay_out_standings(comparison),
        "num_shown": NUM_STANDINGS,
        "has_joint": has_joint,
        "ns": {m.name: common_n(comparison.values_of(m)) for m in comparison.metrics},
        "examples": examples,
        "filters": _list_filters(examples),
        "has_targets": any(example.target for example in examples),
        "height": height,
        "width": width,
    }
    return Section(
        "comparison.html",
        "comparison",
        title,
        title,
        judge(comparison),
        content,
        [_tell_how(comparison)],
    )


def _list_filters(examples: Sequence[Example]) -> dict[str, str]:
    """Lists what the page may show of the examples, and how many there are."""
    names = {
        "positives": "with the target",
        "negatives": "without",
        "misclassified": "misclassified",
    }
    kinds = [kind for example in examples for kind in example.kinds.split()]
    return {"all": f"all {len(examples)}"} | {
        kind: f"{kinds.count(kind)} {name}"
        for kind, name in names.items()
        if kind in kinds
    }


def _read_examples(
    folder: Path, comparison: Comparison
) -> tuple[list[Example], tuple[int, int]]:
    path = folder / "examples.npz"
    images, filenames, indices, labels, truths = read_arrays(
        path, ["image", "filename", "index", "label", "truth"], "compare"
    )
    height, width = images.shape[1:3]
    targets = _read_targets(path, len(images))
    methods = comparison.working_methods
    heatmaps = []
    for method in methods:
        npz = folder / "heatmaps" / f"{method.name}.npz"
        of_method = read_heatmaps(npz, "heatmap", indices.tolist(), "compare")
        if of_method.shape[1:] != (height, width):
            raise InputError(
                f"{npz} holds heatmaps of {of_method.shape[1:]} pixels; expected "
                f"{(height, width)}, as the images of {path}."
            )
        scale = 1.0 if method.kind == "joint" else None
        heatmaps += [Heatmap(h, method.is_signed, scale) for h in of_method]
    encoded = pictures.encode_heatmaps(heatmaps)
    return [
        Example(
            str(filename),
            str(labels[i]),
            str(truths[i]),
            _is_positive(str(truths[i]), comparison.class_names),
            pictures.encode_image(images[i]),
            None if targets is None else pictures.encode_mask(targets[i]),
            list(zip(methods, encoded[i :: len(filenames)], strict=True)),
        )
        for i, filename in enumerate(filenames)
    ], (height, width)


def _read_targets(path: Path, num_images: int) -> np.ndarray | None:
    with np.load(path) as arrays:
        if "target" not in arrays:
            return None
    [targets] = read_arrays(path, ["target"], "compare")
    return targets if len(targets) == num_images else None


def _is_positive(truth: str, class_names: Sequence[str]) -> bool | None:
    target = find_target(class_names)
    if target is None and len(class_names) == 2:
        target = class_names[1]
    return None if target is None else truth == target


def _tell_how(comparison: Comparison) -> Made:
    settings: dict[str, Any] = comparison.settings
    command = ["keras-xai", "compare", str(settings["run"]), str(settings["data"])]
    tables = {
        "Options": to_table(settings),
        "Environment": to_table(comparison.environment),
        "Metrics": {metric.label: metric.meaning for metric in comparison.metrics},
    }
    return Made(
        "Comparison",
        [f"{shlex.join([*command, 'comparison'])}  # with the options below"],
        None,
        [],
        tables,
    )
