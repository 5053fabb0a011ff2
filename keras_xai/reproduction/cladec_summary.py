"""From the second paper's cells to tables, figures and a verdict on each claim."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_xai.report.image_grids import draw_image_grid
from keras_xai.report.toy_figure import draw_toy
from keras_xai.reproduction.cladec import ALPHAS
from keras_xai.reproduction.cladec_claims import CLAIMS, MEASURES, PAPER, judge
from keras_xai.reproduction.cladec_toy import (
    decode,
    draw_samples,
    encoder_at,
    measure_toy,
)
from keras_xai.reproduction.groups import (
    Result,
    finished,
    finished_seeds,
    missing_seeds,
)
from keras_xai.reproduction.ledger import format_spread, write_ledger
from keras_xai.reproduction.markdown import table_header, table_row
from keras_xai.sweeps import Cell, read_examples, read_results
from keras_xai.training.runs import write_atomically

# Rec ClaDec, Rec RefAE, Acc Eval ClaDec, Acc Eval RefAE
PAPER_TABLE_1 = {
    -1: ("28.6 ± .69", "8.48 ± .38", ".89 ± .003", ".83 ± .011"),
    -3: ("4.56 ± .09", "3.63 ± .07", ".877 ± .007", ".863 ± .009"),
    -5: ("1.93 ± .17", "1.87 ± .09", ".878 ± .007", ".875 ± .005"),
}
# Rec, classifier loss, Acc Eval; by alpha of Eq. 1
PAPER_TABLE_2 = {
    0.0: ("7.49 ± .11", "4.4 ± .25", ".8824 ± .0042"),
    0.9: ("8.35 ± .12", ".75 ± .011", ".9011 ± .0026"),
    0.999: ("25.4 ± .93", ".03 ± .001", ".9033 ± .0022"),
    1.0: ("285.5 ± 52.01", "0.0 ± 0.0", ".9028 ± .0035"),
}
PAPER_SETUP = ("fashion-mnist", "vgg5")

Setup = tuple[str, str, int]  # data, architecture, epochs
Group = dict[str, dict[int, Result | None]]  # setting to seed to file


def write_summary(cells: Sequence[Cell], profile: str, folder: Path) -> None:
    """Writes tables.md, summary.json, figures/ and the ledger ../claims.json.

    Args:
        cells: the sweep; what has not been run shows as missing.
        profile: the cells' profile.
        folder: holds cells/.
    """
    results = read_results(cells, folder / "cells")
    setups: dict[Setup, Group] = {}
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
        "32×32 bilinearly. All were trained in mixed_bfloat16. In italics, the paper's "
        "numbers.",
        "",
    ]
    missing = []
    for setup, group in setups.items():
        if any(map(finished, group.values())):
            lines += _tables(setup, group)
        else:
            missing.append(_title(setup))
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
        _draw(setup, group, folder)
    write_toy(folder)


def write_toy(folder: Path) -> None:
    """Measures the toy of Sec. 3 and writes toy.json and figures/toy.png."""
    toy = measure_toy()
    write_atomically(folder / "toy.json", json.dumps(toy, indent=1) + "\n")
    x = draw_samples(0)[:200]
    draw_toy(
        x,
        {
            "RefAE: encoder u1": decode(encoder_at(0.0), x),
            "ClaDec: encoder u2": decode(encoder_at(np.pi / 2), x),
        },
        (toy["angles"], toy["closed_form"], [m["mean"] for m in toy["measured"]]),
        folder / "figures" / "toy.png",
    )


def _summarise(seeds: Mapping[int, Result | None]) -> dict[str, Any]:
    done = finished(seeds)
    return {
        "seeds": finished_seeds(seeds),
        "missing_seeds": missing_seeds(seeds),
        **{name: [measure(r) for r in done] for name, measure in MEASURES.items()},
        "alpha": done[0]["spec"]["config"]["alpha"] if done else None,
    }


def _title(setup: Setup) -> str:
    data, architecture, epochs = setup
    return f"{data}, {architecture}, {epochs} epochs"


def _values(group: Group, setting: str, measure: str) -> list[float]:
    return [MEASURES[measure](result) for result in finished(group.get(setting, {}))]


def _count(group: Group, *settings: str) -> str:
    """Counts the seeds that have a result in all settings."""
    n = len(_pairs(group, *settings))
    wanted = len(group.get(settings[0], {}))
    return str(n) if n == wanted else f"{n} of {wanted}"


def _pairs(group: Group, *settings: str) -> list[tuple[Result, ...]]:
    """Lists the results of several settings, by the seeds that all of them have."""
    found = [
        [group.get(setting, {}).get(seed) for setting in settings]
        for seed in sorted(group.get(settings[0], {}))
    ]
    return [tuple(r for r in results if r) for results in found if all(results)]


def _tables(setup: Setup, group: Group) -> Iterator[str]:
    is_paper = setup[:2] == PAPER_SETUP
    accuracies = [
        MEASURES["classifier_accuracy"](result)
        for seed in sorted({seed for seeds in group.values() for seed in seeds})
        for result in [next((s[seed] for s in group.values() if s.get(seed)), None)]
        if result is not None
    ]
    yield f"## {_title(setup)}"
    yield ""
    yield (
        f"Accuracy of the explained classifier: {format_spread(accuracies, 4)} "
        f"(n = {len(accuracies)})."
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
            yield table_row("*paper*", "*5*", *numbers[:2], "", *numbers[2:], "")
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


def _table_2(group: Group, is_paper: bool) -> Iterator[str]:
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
            yield table_row("*paper*", "", "*5*", "", *numbers)
    yield ""


def _pair(
    group: Group, first: str, second: str, measure: str, digits: int
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
        "allows a tie, unless the opposite (<) has p < .05, whose p is given. With one "
        "seed there is no test, only a sign."
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


def _draw(setup: Setup, group: Group, folder: Path) -> None:
    """Draws Fig. 4, 5 and 6 from the examples of the first seed that has them."""
    examples = {
        setting: read_examples(result, folder / "cells")
        for setting, seeds in group.items()
        if (result := seeds.get(0))
    }
    if not examples:
        return
    data, architecture, epochs = setup
    name = f"{data}_{architecture}_e{epochs}.png"
    words = f"{_title(setup)}, seed 0"
    num_wrong, num_right, num_bags = next(iter(examples.values()))["groups"]
    shown, bags = slice(0, num_wrong + num_right), slice(num_wrong + num_right, None)

    def rows(settings: Mapping[str, str], columns: slice) -> dict[str, np.ndarray]:
        found = {label: examples[s] for label, s in settings.items() if s in examples}
        if not found:
            return {}
        pictures = {"original": next(iter(found.values()))["images"]}
        pictures |= {
            label: arrays["reconstructions"] for label, arrays in found.items()
        }
        return {label: images[columns] for label, images in pictures.items()}

    layers = {
        f"{label} {layer}": f"layer{layer}_{method}"
        for layer in (-5, -3, -1)
        for label, method in (("RefAE", "ref-ae"), ("ClaDec", "cladec-a0"))
    }
    alphas = {f"α = {a:g}": f"layer-2_cladec-a{a:g}" for a in ALPHAS}
    last = {label: s for label, s in layers.items() if s.startswith("layer-1")}
    headings = {"misclassified": int(num_wrong), "correct": int(num_right)}
    for figure, settings, columns, groups, title in (
        ("fig4", last, bags, None, "Handbags, from the last layer"),
        ("fig5", layers, shown, headings, "Reconstructions by layer"),
        ("fig6", alphas, shown, headings, "Last convolution by α of Eq. 1"),
    ):
        pictures = rows(settings, columns)
        if pictures and len(pictures["original"]):
            draw_image_grid(
                pictures,
                folder / "figures" / f"{figure}_{name}",
                title=f"{title}: {words}",
                groups=groups,
            )
