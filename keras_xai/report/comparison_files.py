"""Reads what `compare` measured: methods, metrics, and a value for each pair."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from keras_xai.errors import InputError
from keras_xai.report.files import read_json

SETTINGS = ("run", "data", "num_images", "image_size")  # that the page's words need
Kind = Literal["joint", "analyzer", "baseline"]


class Method(NamedTuple):
    """A way to make heatmaps.

    Attributes:
        name: also that of its file in heatmaps/.
        kind: the joint model's mask, an analyzer of its classifier, or a baseline that
            knows nothing of the model.
        in_paper: whether [IbPRIA19] compares with it.
        is_signed: whether negative values speak against the class.
        seconds: per image; None if unknown.
        failure: why it has no heatmaps; None if it has.
        note: what must be known of it, if anything.
    """

    name: str
    kind: Kind
    in_paper: bool
    is_signed: bool
    seconds: float | None
    failure: str | None
    note: str = ""

    @property
    def label(self) -> str:
        """As the page writes it."""
        return "joint mask" if self.kind == "joint" else self.name


class Metric(NamedTuple):
    """A measure of heatmaps.

    Attributes:
        name: in snake case.
        label: as the page writes it.
        group: of metrics with one question.
        higher_is_better: None if it only describes.
        description: one sentence with its source.
        chance: what knowing nothing would get; None if there is no such level.
        fact: what must be known of these images or this classifier, if anything.
    """

    name: str
    label: str
    group: str
    higher_is_better: bool | None
    description: str
    chance: float | None
    fact: str = ""

    @property
    def meaning(self) -> str:
        """Description and fact."""
        return f"{self.description} {self.fact}".rstrip()


class Value(NamedTuple):
    """A metric of a method over `n` images; `rank` 1 is the best, None is unranked."""

    mean: float
    sd: float | None
    n: int
    rank: int | None


class Comparison(NamedTuple):
    """comparison.json.

    Attributes:
        settings: everything the numbers depend on.
        environment: versions, machine and commit.
        class_names: one a class.
        majority_rate: of the images, in [0, 1].
        accuracy: `joint`, with the explainer's mask, and `classifier`, under a white
            one; None where it was not measured.
        methods: in the order of the page.
        metrics: likewise.
        values: method to metric to value; what could not be measured is left out.
        left_out: metrics that were not measured, and the reason.
    """

    settings: dict[str, Any]
    environment: dict[str, Any]
    class_names: list[str]
    majority_rate: float
    accuracy: dict[str, float | None]
    methods: list[Method]
    metrics: list[Metric]
    values: dict[str, dict[str, Value]]
    left_out: list[tuple[str, str]]

    @property
    def working_methods(self) -> list[Method]:
        """The methods that have heatmaps."""
        return [method for method in self.methods if method.failure is None]

    @property
    def ranked_metrics(self) -> list[Metric]:
        """The metrics that rank at least one method."""
        return [
            metric
            for metric in self.metrics
            if any(value.rank for value in self.values_of(metric).values())
        ]

    def is_undecided(self, metric: Metric) -> bool:
        """Whether a metric that ranks gives all methods the same rank."""
        return all(value.rank == 1 for value in self.values_of(metric).values())

    def values_of(self, metric: Metric) -> dict[str, Value]:
        """Returns the values of a metric by method, in the order of the page."""
        return {
            method.name: self.values[method.name][metric.name]
            for method in self.methods
            if metric.name in self.values[method.name]
        }


def read_comparison(folder: Path) -> Comparison:
    """Reads comparison.json of a folder of `compare`.

    Raises:
        InputError: if it is missing or broken.
    """
    path = folder / "comparison.json"
    found = read_json(path, "compare")
    try:
        for name in SETTINGS:
            found["settings"][name]
        methods = [_read_method(method) for method in found["methods"]]
        return Comparison(
            found["settings"],
            found["environment"],
            found["class_names"],
            float(found["majority_rate"]),
            {key: found["accuracy"][key] for key in ("joint", "classifier")},
            methods,
            [_read_metric(metric) for metric in found["metrics"]],
            {
                method.name: _read_values(found["values"][method.name])
                for method in methods
            },
            [(_join(part["metrics"]), part["reason"]) for part in found["left_out"]],
        )
    except KeyError as error:
        raise InputError(
            f"{path} lacks {error}; expected a file of `keras-xai compare`."
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is broken: {error}.") from None


def _read_method(found: Mapping[str, Any]) -> Method:
    if found["kind"] not in ("joint", "analyzer", "baseline"):
        raise ValueError(f"a method is of kind {found['kind']!r}")
    return Method(
        found["name"],
        found["kind"],
        found["in_paper"],
        found["signed"],
        found["seconds_per_image"],
        found["failure"],
        found.get("note", ""),  # which older files lack
    )


def _read_metric(found: Mapping[str, Any]) -> Metric:
    needed = {field: found[field] for field in Metric._fields if field != "fact"}
    return Metric(**needed, fact=found.get("fact", ""))  # which older files lack


def _read_values(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Value]:
    return {
        metric: Value(*(value[field] for field in Value._fields))
        for metric, value in found.items()
        if value["mean"] is not None
    }


def _join(labels: Sequence[str]) -> str:
    return ", ".join(labels)
