# %% [markdown]
"""
# Polygons: a model that shows where it looks

Is there a triangle among the circles? A classifier can learn to answer that. The joint
model answers and shows, with a mask made by a second network, the pixels that its
answer rests on. Because the images are drawn, it is known where the triangle is, and so
whether the mask is right.

![Images, masks, and both together](polygons_files/polygons_7_1.png)

This page is what
[`polygons.py`](polygons.py) printed and drew. `python docs/tutorial/polygons.py` runs
it again, in a few minutes on two cores; on another processor the last digits differ. It
needs iNNvestigate (`make setup-innvestigate`) for step 5 alone.

Everything is written into a new folder; the script stops if there already is one of
that name. `keras_xai("train …")` is `keras-xai train …` typed into a shell in that
folder; without `--quiet` each command shows how far it is.
"""

# %%
import csv
import os
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from keras_xai.datasets.split import TARGET
from keras_xai.datasets.voc import read_voc
from keras_xai.evaluation.localization import dilate, pointing_game, relevance_mass

FOLDER = Path("work/tutorial/polygons")
FOLDER.mkdir(parents=True)
os.chdir(FOLDER)


def keras_xai(command: str) -> None:
    """Runs `keras-xai COMMAND --quiet`."""
    words = [sys.executable, "-m", "keras_xai.cli", *shlex.split(command), "--quiet"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def read_table(path: str) -> list[dict[str, str]]:
    """Reads a .csv file, one dict a row."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# %% [markdown]
"""
## 1. Images whose truth is known

800 images of 64×64 pixels, 494 of them with one triangle: the share of the paper's set.
The folder is in PASCAL VOC's layout: images, boxes, object masks, and lists of 600
images to learn from and 200 for validation. All that follows works on any folder of
this form. The lower row is the truth: yellow the triangle, green the circles.
"""

# %%
keras_xai(
    "generate polygons --recipe paper --num-images 800 --num-positive 494 "
    "--image-size 64 --max-shapes 5 --min-radius 7 --max-radius 12 --seed 0"
)
validation = read_voc(Path("polygons"), "val")
positives = np.flatnonzero(validation.labels)

figure, axes = plt.subplots(2, 5, figsize=(9, 3.9), layout="constrained")
for (above, below), i in zip(axes.T, range(5), strict=True):
    above.imshow(validation.images[i])
    above.set_title(validation.class_names[validation.labels[i]], fontsize=10)
    below.imshow(validation.object_maps[i], vmin=0, vmax=2)
for axis in axes.flat:
    axis.set_axis_off()
figure.savefig("images.png")

# %% [markdown]
"""
## 2. Training in three stages

First the classifier learns alone; then the explainer, while the classifier is frozen;
then both together, and a price on every bright pixel of the mask rises. `quick` is the
recipe's short version, and `--precision auto` half-precision arithmetic where the
processor has it. A killed training goes on where it was when the same command is given
again.
"""

# %%
keras_xai("train polygons run --recipe joint --profile quick --seed 0 --precision auto")

last_rows = {row["stage"]: row for row in read_table("run/log.csv")}
print(f"n = {validation.num_images}, majority {validation.majority_rate:.3f}\n")
print("after        accuracy   mask mean   on triangle   on circles")
for stage, row in last_rows.items():
    print(f"{stage:<12} {float(row['val_accuracy']):8.3f}", end="")
    if row["val_coverage"]:  # the first stage has no mask
        print(
            f"{float(row['val_coverage']):12.4f}"
            f"{float(row['val_mass_on_target']):14.2f}"
            f"{float(row['val_mass_on_distractors']):13.2f}",
            end="",
        )
    print()

# %% [markdown]
"""
*Accuracy* is the share of the validation images that are answered rightly, of *n*
images; *majority* is what answering "triangle" every time would score. *Mask mean* is
the mask's average over all pixels, 1 being a white mask: how much the model looks at.
The last two are the shares of the mask's brightness that lie on the triangle and on
circles, in the images with a triangle. Stage 2 finds the triangle; the rising price of
stage 3 takes what is left of the mask elsewhere, and the accuracy stays.

## 3. Explaining images

`explain` needs no annotations: a folder of images is enough. It writes
`predictions.csv`, all masks as numbers (`masks.npz`) and as pictures, overlays, and the
masks above 0.75.
"""

# %%
keras_xai("explain run polygons explanations")
print(Path("explanations/predictions.csv").read_text()[:150], "…")

with np.load("explanations/masks.npz") as file:
    mask_of = dict(zip(file["filename"], file["mask"], strict=True))
masks = np.stack([mask_of[name] for name in validation.filenames])

figure, axes = plt.subplots(3, 4, figsize=(9, 7), layout="constrained")
for column, i in zip(axes.T, positives, strict=False):
    column[0].imshow(validation.images[i])
    column[1].imshow(masks[i], vmin=0, vmax=1)
    column[2].imshow(validation.images[i])
    above = np.ma.masked_less_equal(masks[i], 0.75)
    column[2].imshow(above, cmap="autumn", vmin=0, vmax=1.5)
titles = ("image", "mask", "image and mask > 0.75")
for axis, title in zip(axes[:, 0], titles, strict=True):
    axis.set_ylabel(title)
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
figure.savefig("masks.png")

# %% [markdown]
"""
After the label come the probabilities of the two classes, which sum to 1. Masks are
shown from 0 (purple) to 1 (yellow), never stretched. They are a spot on the triangle,
often near a corner, and not the whole of it: a spot is enough to tell a triangle from a
circle, and every further pixel has its price.

## 4. Is the mask on the triangle?

Masks are arrays, and so is the truth; a measure is one function of both. As outlines
are one pixel wide, a triangle is its filled region grown by 3 pixels.
"""

# %%
triangles = dilate(validation.object_maps[positives] == TARGET, radius=3)
on_target = relevance_mass(masks[positives], triangles)
hits = pointing_game(masks[positives], triangles)
share = triangles.mean()
print(
    f"brightness on the triangle {on_target.mean():.2f} ± {on_target.std(ddof=1):.2f}"
)
print(f"pointing game              {hits.mean():.2f} ± {hits.std(ddof=1):.2f}")
print(f"triangle's share of pixels {share:.2f}   (n = {len(positives)})")

# %% [markdown]
"""
The first number is again the share of the mask's brightness on the triangle, mean ±
standard deviation over the *n* validation images that have one. The *pointing game*
asks whether the brightest pixel lies on the triangle: 1 or 0 an image, and a fraction
where several pixels are equally bright. A mask that knows nothing scores the triangle's
share of the image in both.

## 5. Beside other explanations

`compare` lays the mask beside analyzers of iNNvestigate on the classifier that stage 1
left, and beside baselines that know nothing of any model. With few images it takes a
minute; `report.html` in its folder has every measure, explained.
"""

# %%
METHODS = {
    "joint": "mask of the joint model",
    "gradient": "gradient",
    "smoothgrad": "SmoothGrad",
    "lrp.epsilon": "LRP-epsilon",
    "baseline.sobel": "edges (no model)",
    "baseline.random": "random (no model)",
}
keras_xai(
    "compare run polygons comparison --methods gradient smoothgrad lrp.epsilon "
    "--num-images 64 --faithfulness-images 12 --sanity-images 12 --seed 0"
)
cells = {
    (row["method"], row["metric"]): row for row in read_table("comparison/metrics.csv")
}
print(f"n = {cells['joint', 'mass_target']['n']:<22} on triangle   pointing game")
for method, name in METHODS.items():
    mass = float(cells[method, "mass_target"]["mean"])
    pointing = float(cells[method, "pointing_target"]["mean"])
    print(f"{name:<26} {mass:11.2f}{pointing:16.2f}")

# %%
heatmaps, filenames = {}, []
for method in METHODS:
    with np.load(f"comparison/heatmaps/{method}.npz") as file:
        heatmaps[method], filenames = file["heatmap"], list(file["filename"])
shown = [i for i in positives if validation.filenames[i] in filenames][:3]

figure, axes = plt.subplots(3, 6, figsize=(10, 5.4), layout="constrained")
for row, i in zip(axes, shown, strict=True):
    row[0].imshow(validation.images[i])
    for axis, method in zip(row[1:], METHODS, strict=False):
        heatmap = np.abs(heatmaps[method][filenames.index(validation.filenames[i])])
        axis.imshow(heatmap / heatmap.max())
for axis, title in zip(axes[0], ["image", *METHODS.values()], strict=False):
    axis.set_title(title.replace(" (", "\n(").replace(" of", "\nof"), fontsize=9)
for axis in axes.flat:
    axis.set_axis_off()
figure.savefig("methods.png")

# %% [markdown]
"""
The two measures are those of step 4, on the *n* images with a triangle among the 64
that are compared. Analyzers have no common unit, so here, other than above, the sign is
dropped and each heatmap is divided by its own peak.

The mask is not the best explanation by every measure: LRP-epsilon puts more of its
relevance on the triangle. What the mask has over it is that the joint model computes
its answer from features that are multiplied by the mask. This is one training of a
small model; the [README](../../README.md) has the tables over several.

## 6. One page to send

`report` takes any mix of these folders to one HTML page without network: the verdict,
numbers to sort, curves, and the heatmaps under one slider.
"""

# %%
keras_xai("report comparison run explanations polygons report.html")
print(f"report.html: {Path('report.html').stat().st_size / 1e6:.1f} MB")
