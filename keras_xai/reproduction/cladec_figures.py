"""The second paper's Fig. 4, 5 and 6, and its toy, from the examples of cells."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_xai.report.image_grids import draw_image_grid
from keras_xai.report.toy_figure import draw_toy
from keras_xai.reproduction.cladec import ALPHAS
from keras_xai.reproduction.cladec_claims import Settings
from keras_xai.reproduction.cladec_toy import (
    decode,
    draw_samples,
    encoder_at,
    measure_toy,
)
from keras_xai.sweeps import read_examples
from keras_xai.training.runs import write_atomically

Setup = tuple[str, str, int]  # data, architecture, epochs


def title_of(setup: Setup) -> str:
    """Names a setup, as tables and figures do."""
    data, architecture, epochs = setup
    return f"{data}, {architecture}, {epochs} epochs"


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


def draw_setup(setup: Setup, group: Settings, folder: Path) -> None:
    """Draws Fig. 4, 5 and 6 from the examples of seed 0.

    Args:
        setup: data, architecture and epochs.
        group: a file for each setting and seed, or None where it is missing.
        folder: holds cells/; figures/ gets the pictures.
    """
    examples = {
        setting: read_examples(result, folder / "cells")
        for setting, seeds in group.items()
        if (result := seeds.get(0))
    }
    if not examples:
        return
    data, architecture, epochs = setup
    name = f"{data}_{architecture}_e{epochs}.png"
    words = f"{title_of(setup)}, seed 0"
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
    with_bags = headings | ({"bags": int(num_bags)} if num_bags else {})
    for figure, settings, columns, groups, title in (
        ("fig4", last, bags, None, "Handbags, from the last layer"),
        ("fig5", layers, shown, headings, "Reconstructions by layer"),
        ("fig6", alphas, slice(None), with_bags, "Last convolution by α of Eq. 1"),
    ):
        pictures = rows(settings, columns)
        if pictures and len(pictures["original"]):
            draw_image_grid(
                pictures,
                folder / "figures" / f"{figure}_{name}",
                title=f"{title}: {words}",
                groups=groups,
            )
