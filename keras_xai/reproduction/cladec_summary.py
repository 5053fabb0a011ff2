"""From the second paper's cells to tables, figures and a verdict on each claim."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_xai.reproduction.cladec import ALPHAS
from keras_xai.reproduction.cladec_claims import (
    CLAIMS,
    MEASURES,
    PAPER,
    SEEDS_OF_A_TIE,
    Settings,
    judge,
)
from keras_xai.reproduction.cladec_figures import (
    Setup,
    draw_setup,
    title_of,
    write_toy,
)
from keras_xai.reproduction.groups import (
    Result,
    finished,
    finished_seeds,
    missing_seeds,
)
from keras_xai.reproduction.ledger import format_spread, write_ledger
from keras_xai.reproduction.markdown import table_header, table_row
from keras_xai.sweeps import Cell, read_results
from keras_xai.training.runs import write_atomically

# Rec ClaDec, Rec RefAE, Δ, Acc Eval ClaDec, Acc Eval RefAE, Δ
PAPER_TABLE_1 = {
    -1: ("28.6 ± .69", "8.48 ± .38", "20.2", ".89 ± .003", ".83 ± .011", ".06"),
    -3: ("4.56 ± .09", "3.63 ± .07", ".93", ".877 ± .007", ".863 ± .009", ".014"),
    -5: ("1.93 ± .17", "1.87 ± .09", ".06", ".878 ± .007", ".875 ± .005", ".003"),
}
# Total, Rec, classifier loss, Acc Eval; by alpha of Eq. 1.
PAPER_TABLE_2 = {
    0.0: ("7.49 ± .11", "7.49 ± .11", "4.4 ± .25", ".8824 ± .0042"),
    0.9: (".84 ± .013", "8.35 ± .12", ".75 ± .011", ".9011 ± .0026"),
    0.999: (".03 ± .002", "25.4 ± .93", ".03 ± .001", ".9033 ± .0022"),
    1.0: (".01 ± .003", "285.5 ± 52.01", "0.0 ± 0.0", ".9028 ± .0035"),
}
PAPER_SETUP = ("fashion-mnist", "vgg5")


def write_summary(cells: Sequence[Cell], profile: str, folder: Path) -> None:
    """Writes tables.md, summary.json, figures/ and the ledger ../claims.json.

    Args:
        cells: the sweep; what has not been run shows as missing.
        profile: the cells' profile.
        folder: holds cells/.
    """
    results = read_results(cells, folder / "cells")
    setups: dict[Setup, dict[str, dict[int, Result | None]]] = {}
    for cell in cells:
        data, architecture, epochs, setting = cell.name.split("_", 3)
        setup = (data, architecture, int(epochs.removeprefix("e")))
        seeds = setups.setdefault(setup, {}).setdefault(setting.rsplit("_", 1)[0], {})
        seeds[cell.spec["seed"]] = results[cell.name]
    command = f"keras-xai reproduce cladec --profile {profile}"
    claims = [
        judge(claim, group, setup[2], profile, command)
        for setup, group in setups.items()
        if setup[:2] == PAPER_SETUP
        for claim in CLAIMS
    ]
    lines = [
        f"Profile `{profile}`; mean ± standard deviation over seeds. Rec is the "
        "squared error of images in [0, 1] summed over pixels, on the test set; Acc "
        "Eval the accuracy of a fresh classifier trained on reconstructions of the "
        "training set and tested on those of the test set. 28×28 images are scaled to "
        "32×32 bilinearly. Cross-entropies take a probability for at least 1e-7. All "
        "were trained in mixed_bfloat16. In italics, the paper's numbers.",
        "",
    ]
    missing = []
    for setup, group in setups.items():
        if any(map(finished, group.values())):
            lines += _tables(setup, group)
        else:
            missing.append(title_of(setup))
    if missing:
        lines += [f"Not measured yet: {'; '.join(missing)}.", ""]
    lines += _claims_table(claims)
    write_atomically(folder / "tables.md", "\n".join(lines) + "\n")
    summary = {
        "_".join(map(str, setup)): {
            setting: _summarise(seeds) for setting, seeds in group.items()
        }
        for setup, group in setups.items()
    }
    write_atomically(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    write_ledger(folder.parent / "claims.json", PAPER, claims)
    for setup, group in setups.items():
        draw_setup(setup, group, folder)
    write_toy(folder)


def _seeds_of_several_classifiers(group: Settings) -> list[int]:
    """Lists the seeds whose cells cannot be paired, going by the classifiers' accuracy.

    A classifier is trained once and kept in the folder of work.
    """
    found: dict[int, set[float]] = {}
    for seeds in group.values():
        for seed, result in seeds.items():
            if result is not None:
                accuracy = MEASURES["classifier_accuracy"](result)
                found.setdefault(seed, set()).add(accuracy)
    return [seed for seed, accuracies in sorted(found.items()) if len(accuracies) > 1]


def _summarise(seeds: Mapping[int, Result | None]) -> dict[str, Any]:
    done = finished(seeds)
    return {
        "seeds": finished_seeds(seeds),
        "missing_seeds": missing_seeds(seeds),
        **{name: [measure(r) for r in done] for name, measure in MEASURES.items()},
        "alpha": done[0]["spec"]["config"]["alpha"] if done else None,
    }


def _values(group: Settings, setting: str, measure: str) -> list[float]:
    return [MEASURES[measure](result) for result in finished(group.get(setting, {}))]


def _count(group: Settings, *settings: str) -> str:
    """Counts the seeds that have a result in all settings."""
    n = len(_pairs(group, *settings))
    wanted = len(group.get(settings[0], {}))
    return str(n) if n == wanted else f"{n} of {wanted}"


def _pairs(group: Settings, *settings: str) -> list[tuple[Result, ...]]:
    """Lists the results of several settings, by the seeds that all of them have."""
    found = [
        [group.get(setting, {}).get(seed) for setting in settings]
        for seed in sorted(group.get(settings[0], {}))
    ]
    return [tuple(r for r in results if r) for results in found if all(results)]


def _tables(setup: Setup, group: Settings) -> Iterator[str]:
    is_paper = setup[:2] == PAPER_SETUP
    accuracies = [
        MEASURES["classifier_accuracy"](result)
        for seed in sorted({seed for seeds in group.values() for seed in seeds})
        for result in [next((s[seed] for s in group.values() if s.get(seed)), None)]
        if result is not None
    ]
    yield f"## {title_of(setup)}"
    yield ""
    yield (
        f"Accuracy of the explained classifier: {format_spread(accuracies, 4)} "
        f"(n = {len(accuracies)})."
    )
    yield ""
    for seed in _seeds_of_several_classifiers(group):
        yield (
            f"The cells of seed {seed} explain more than one classifier: they were "
            "made in several folders of work, each of which has its own."
        )
        yield ""
    yield from table_header(
        "layer",
        "n",
        "Rec ClaDec",
        "Rec RefAE",
        "Δ",
        "Acc Eval ClaDec",
        "Acc Eval RefAE",
        "Δ",
    )
    for layer in (-1, -3, -5):
        cladec, ref_ae = f"layer{layer}_cladec-a0", f"layer{layer}_ref-ae"
        if cladec not in group:
            continue
        yield table_row(
            layer,
            _count(group, cladec, ref_ae),
            *_pair(group, cladec, ref_ae, "rec", 2),
            *_pair(group, cladec, ref_ae, "accuracy", 4),
        )
        if is_paper:
            numbers = [f"*{text}*" for text in PAPER_TABLE_1[layer]]
            yield table_row("*paper*", "*5*", *numbers)
    yield ""
    if "layer-2_cladec-a0" in group:
        yield from _table_2(group, is_paper)
    yield from table_header(
        "layer, method", "n", "SSIM", "feature cosine", "agreement", "Rec, training"
    )
    for setting in group:
        yield table_row(
            setting,
            _count(group, setting),
            *(
                format_spread(_values(group, setting, name))
                for name in ("ssim", "feature_cosine", "agreement", "rec_train")
            ),
        )
    yield ""


def _table_2(group: Settings, is_paper: bool) -> Iterator[str]:
    yield from table_header(
        "α of Eq. 1",
        "α as printed (1 − α)",
        "n",
        "Total",
        "Rec",
        "Classifier loss",
        "Acc Eval ClaDec",
    )
    for alpha in ALPHAS:
        setting = f"layer-2_cladec-a{alpha:g}"
        yield table_row(
            f"{alpha:g}",
            f"{1 - alpha:.3g}",
            _count(group, setting),
            format_spread(_values(group, setting, "total")),
            format_spread(_values(group, setting, "rec"), 2),
            format_spread(_values(group, setting, "classifier_loss")),
            format_spread(_values(group, setting, "accuracy"), 4),
        )
        if is_paper:
            numbers = [f"*{text}*" for text in PAPER_TABLE_2[alpha]]
            yield table_row("*paper*", "", "*5*", *numbers)
    yield ""
    if is_paper:
        yield (
            "Of the paper's totals only the first follows from Eq. 1; the next two are "
            "1 − α times Rec alone. Ours are Eq. 1's."
        )
        yield ""


def _pair(
    group: Settings, first: str, second: str, measure: str, digits: int
) -> tuple[str, str, str]:
    """Formats two settings and their difference, over the seeds that both have."""
    value = MEASURES[measure]
    pairs = [(value(a), value(b)) for a, b in _pairs(group, first, second)]
    return (
        format_spread([a for a, _ in pairs], digits),
        format_spread([b for _, b in pairs], digits),
        format_spread([a - b for a, b in pairs], digits),
    )


def _format_p(test: Mapping[str, Any]) -> str:
    if test["p"] is None:
        return "–"
    return f"{test['p']:.2g}" + (" of <" if "≥" in test["text"] else "")


def _claims_table(claims: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "## Claims"
    yield ""
    yield (
        "A comparison with > holds if the mean difference over seeds has the sign "
        "claimed and p < .05 in a one-sided paired t-test; one with ≥, where the paper "
        f"allows a tie, unless the opposite (<) has p < .05, whose p is given. No "
        "means that the opposite is significant; what is neither is undecided, as is a "
        f"tie of fewer than {SEEDS_OF_A_TIE} seeds. With one seed there is no test, "
        "only a sign."
    )
    yield ""
    yield from table_header("claim", "comparison", "difference", "p", "n", "holds")
    for claim in claims:
        if claim["verdict"] == "missing":
            continue
        for test in claim["tests"]:
            yield table_row(
                f"{claim['id']}: **{claim['verdict']}**",
                test["text"],
                format_spread(test["values"], 4),
                _format_p(test),
                len(test["values"]),
                _say_holds(test),
            )


def _say_holds(test: Mapping[str, Any]) -> str:
    if not test["values"]:
        return "missing"
    return {True: "yes", False: "no", None: "undecided"}[test["holds"]]
