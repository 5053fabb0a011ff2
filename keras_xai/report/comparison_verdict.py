"""What the numbers of a comparison say, in sentences."""

from collections.abc import Sequence

from markupsafe import Markup

from keras_xai.report.comparison_files import Comparison, Kind, Method, Metric, Value
from keras_xai.report.comparison_table import group_metrics, is_level
from keras_xai.report.formats import (
    enumerate_words,
    format_ordinal,
    format_share,
    format_value,
)

GROUPS = {
    "ground truth": "Against the ground truth",
    "faithfulness": "In faithfulness to the classifier",
    "sanity": "In sanity checks",
    "complexity": "In complexity",
}
MAX_LEADERS = 3  # that are named in a group
MAX_METRICS = 6  # that are named one after the other


def judge(comparison: Comparison) -> list[Markup]:
    """Says what was compared and, in one string a point, who is first where."""
    ranked = comparison.ranked_metrics
    undecided = [metric for metric in ranked if comparison.is_undecided(metric)]
    decided = [metric for metric in ranked if metric not in undecided]
    points = [_say_what(comparison)]
    for group, metrics in group_metrics(comparison):
        members = [metric for metric in metrics if metric in decided]
        if members:
            points.append(_say_who_leads(comparison, group, members))
    points += [
        _say_baselines(comparison, decided),
        _say_chance_of_ours(comparison, decided),
        _say_chance_of_analyzers(comparison, decided),
    ]
    if undecided:
        text = Markup("Measures that give every method the same value: {}.")
        points.append(text.format(_join(undecided)))
    return [point for point in points if point]


def _say_what(comparison: Comparison) -> Markup:
    settings, methods = comparison.settings, comparison.working_methods
    size = settings["image_size"]
    sides = size if isinstance(size, list) else [size, size]
    num_analyzers = len(_of_kind(methods, "analyzer"))
    num_baselines = len(_of_kind(methods, "baseline"))
    compared = []
    if _of_kind(methods, "joint"):
        compared.append("the joint model’s mask")
    if num_analyzers:
        compared.append(f"{_count(num_analyzers, 'analyzer')} of the classifier")
    if num_baselines:
        compared.append(f"{_count(num_baselines, 'baseline')} knowing nothing of it")
    text = Markup("On <b>{}</b> images of {} pixels, {} were compared.").format(
        settings["num_images"],
        " × ".join(map(str, sides[:2])),
        enumerate_words(compared),
    )
    failed = [method.label for method in comparison.methods if method.failure]
    if failed:
        text += Markup(" {} failed: {}.").format(
            _count(len(failed), "method"), ", ".join(failed)
        )
    return text + _say_accuracy(comparison)


def _say_accuracy(comparison: Comparison) -> Markup:
    joint, classifier = (comparison.accuracy[k] for k in ("joint", "classifier"))
    parts = []
    if joint is not None:
        joint_text = Markup("with its mask the joint model labels <b>{}</b> right")
        parts.append(joint_text.format(format_share(joint)))
    if classifier is not None:
        text = Markup("the classifier without a mask labels <b>{}</b> right")
        parts.append(text.format(format_share(classifier)))
    majority = Markup("the most frequent answer would be right for {}").format(
        format_share(comparison.majority_rate)
    )
    text = Markup(", ").join(parts) + "; " + majority if parts else majority
    text = " " + text[0].upper() + text[1:] + "."
    if joint is not None and joint <= comparison.majority_rate:
        text += Markup(
            " So <b>the joint model has learned nothing</b> for a mask to explain."
        )
    return text


def _say_who_leads(
    comparison: Comparison, group: str, metrics: Sequence[Metric]
) -> Markup:
    leads: dict[Method, list[Metric]] = {}
    for metric in metrics:
        values = comparison.values_of(metric)
        for method in comparison.working_methods:
            if _rank(values, method) == 1:
                leads.setdefault(method, []).append(metric)
    ours = _of_kind(comparison.working_methods, "joint")
    parts = [_say_how_we_stand(comparison, method, metrics, leads) for method in ours]
    led_by_us = {metric for method in ours for metric in leads.get(method, ())}
    num_led = {
        method: len(set(of_method) - led_by_us)
        for method, of_method in leads.items()
        if method not in ours
    }
    others = sorted((m for m in num_led if num_led[m]), key=lambda m: -num_led[m])
    named = [
        Markup("{} in {}").format(method.label, num_led[method])
        for method in others[:MAX_LEADERS]
    ]
    if len(others) > MAX_LEADERS:
        named.append(Markup("others in the rest"))
    if named:
        start = "First elsewhere" if ours else "First"
        parts.append(Markup("{}: {}.").format(start, Markup(", ").join(named)))
    return Markup("<b>{}</b> ({}) {}").format(
        GROUPS.get(group, f"In {group}"),
        _say_n(comparison, metrics),
        Markup(" ").join(parts),
    )


def _say_n(comparison: Comparison, metrics: Sequence[Metric]) -> str:
    """Says over how many images a group's means are."""
    ns = sorted(
        {
            value.n
            for metric in metrics
            for value in comparison.values_of(metric).values()
        }
    )
    return f"n = {ns[0]}" + (f" to {ns[-1]}" if ns[1:] else "")


def _say_how_we_stand(
    comparison: Comparison,
    ours: Method,
    metrics: Sequence[Metric],
    leads: dict[Method, list[Metric]],
) -> Markup:
    if ours in leads:
        led = leads[ours]
        num_clear = sum(_is_clear(comparison, ours, metric) for metric in led)
        if len(led) == len(metrics):
            alls = {1: "the only measure", 2: "both measures"}
            share = alls.get(len(led), f"all {len(led)} measures")
        else:
            share = f"{len(led)} of {_count(len(metrics), 'measure')}"
        text = Markup("the {} is first in {} ({}), {} two standard errors").format(
            ours.label, share, _join(led), _say_by_how_much(num_clear, len(led))
        )
        others = {
            m
            for method, of_method in leads.items()
            if method != ours
            for m in of_method
        }
        num_shared = len(others.intersection(led))
        if num_shared:
            text += Markup(", sharing {} with others").format(
                "it" if len(led) == 1 else num_shared
            )
        return text + "."
    ranked = [m for m in metrics if _rank(comparison.values_of(m), ours)]
    if not ranked:
        return Markup("the {} is not ranked.").format(ours.label)
    places = [
        (rank, metric)
        for metric in ranked
        if (rank := _rank(comparison.values_of(metric), ours))
        and any((v.rank or 0) > rank for v in comparison.values_of(metric).values())
    ]
    if not places:
        return Markup("the {} is ahead of no method.").format(ours.label)
    rank, metric = min(places, key=lambda place: place[0])
    return Markup("the {} is nowhere first; its best place is {} of {} ({}).").format(
        ours.label,
        format_ordinal(rank),
        len(comparison.values_of(metric)),
        metric.label,
    )


def _say_by_how_much(num_clear: int, num_led: int) -> str:
    if num_clear == 0:
        return "by less than"
    if num_clear == num_led:
        return "by more than" if num_led == 1 else "each by more than"
    return f"{num_clear} of them by more than"


def _is_clear(comparison: Comparison, first: Method, metric: Metric) -> bool:
    values = comparison.values_of(metric)
    lead = values[first.name]
    return not any(
        is_level(value, lead) for name, value in values.items() if name != first.name
    )


def _say_baselines(comparison: Comparison, metrics: Sequence[Metric]) -> Markup:
    analyzers = _of_kind(comparison.working_methods, "analyzer")
    baselines = _of_kind(comparison.working_methods, "baseline")
    if not analyzers or not baselines:
        return Markup("")
    behind, both = 0, 0
    for metric in metrics:
        values = comparison.values_of(metric)
        best_analyzer, best_baseline = (
            min((r for m in methods if (r := _rank(values, m))), default=None)
            for methods in (analyzers, baselines)
        )
        if best_analyzer and best_baseline:
            both += 1
            behind += best_baseline < best_analyzer
    if not both:
        return Markup("")
    return Markup(
        "A baseline is ahead of every analyzer in <b>{}</b> measures."
    ).format(f"{behind} of {both}")


def _say_chance_of_ours(comparison: Comparison, metrics: Sequence[Metric]) -> Markup:
    """Says in which metrics the mask does no better than chance."""
    for ours in _of_kind(comparison.working_methods, "joint"):
        asked = [
            (metric, metric.chance)
            for metric in metrics
            if metric.chance is not None and _rank(comparison.values_of(metric), ours)
        ]
        failed = [
            metric
            for metric, chance in asked
            if not _beats(comparison, metric, ours, chance)
        ]
        if failed:
            text = "<b>The {} does no better than chance</b> in {} of {}: {}."
            count = _count(len(asked), "measure")
            return Markup(text).format(ours.label, len(failed), count, _join(failed))
    return Markup("")


def _say_chance_of_analyzers(
    comparison: Comparison, metrics: Sequence[Metric]
) -> Markup:
    """Says for which metrics analyzers do no better than chance, and how many."""
    analyzers = _of_kind(comparison.working_methods, "analyzer")
    parts = []
    for metric in metrics:
        chance, values = metric.chance, comparison.values_of(metric)
        if chance is None:
            continue
        asked = [method for method in analyzers if method.name in values]
        failed = [m for m in asked if not _beats(comparison, metric, m, chance)]
        if failed:
            parts.append(
                Markup("{} of {} in {} ({})").format(
                    len(failed), len(asked), metric.label, format_value(chance)
                )
            )
    if not parts:
        return Markup("")
    if len(parts) > MAX_METRICS:
        num_more = len(parts) - MAX_METRICS
        parts[MAX_METRICS:] = [Markup("and some in {} more").format(num_more)]
    return Markup("Analyzers that do no better than chance: {}.").format(
        Markup(", ").join(parts)
    )


def _beats(
    comparison: Comparison, metric: Metric, method: Method, level: float
) -> bool:
    sign = 1 if metric.higher_is_better else -1
    return sign * comparison.values_of(metric)[method.name].mean > sign * level


def _rank(values: dict[str, Value], method: Method) -> int | None:
    return values[method.name].rank if method.name in values else None


def _of_kind(methods: Sequence[Method], kind: Kind) -> list[Method]:
    return [method for method in methods if method.kind == kind]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _join(metrics: Sequence[Metric]) -> str:
    labels = [metric.label for metric in metrics[:MAX_METRICS]]
    if len(metrics) > MAX_METRICS:
        labels.append(f"{len(metrics) - MAX_METRICS} more")
    return "; ".join(labels)
