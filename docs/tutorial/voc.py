# %% [markdown]
"""
# Your own VOC folder: masks that lie in the boxes

Whoever has photographs with boxes in PASCAL VOC's layout can ask of the joint model
more than a right answer: its mask shall lie in the boxes. `--outside-boxes` puts a
price on every bright pixel outside of them. This page trains a model on photographs of
raccoons without it and with it, and counts what it changes.

![Windows, and the masks without and with the price](voc_files/voc_11_0.png)

This page is what
[`voc.py`](voc.py) printed and drew. `python docs/tutorial/voc.py` runs it again, in a
few minutes on two cores; on another processor the last digits differ. It needs the 200
photographs of the
[raccoon data set](https://github.com/datitran/raccoon_dataset) in the folder `DATA`:
its folder `images` as `JPEGImages`, and `annotations` as `Annotations`.

Everything is written into a new folder; the script stops if there already is one of
that name. `keras_xai("train …")` is `keras-xai train …` typed into a shell in that
folder; without `--quiet` each command shows how far it is.
"""

# %%
import csv
import dataclasses
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from keras_xai.datasets.read import read_splits
from keras_xai.evaluation.baselines import centre_gaussian
from keras_xai.evaluation.localization import pointing_game, relevance_mass
from keras_xai.recipes import joint_photographs
from keras_xai.training.config import config_to_dict

DATA = Path("work/data/raccoon-voc").resolve()
FOLDER = Path("work/tutorial/voc")
FOLDER.mkdir(parents=True)
os.chdir(FOLDER)


def keras_xai(command: str) -> None:
    """Runs `keras-xai COMMAND --quiet`."""
    words = [sys.executable, "-m", "keras_xai.cli", *shlex.split(command), "--quiet"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


# %% [markdown]
"""
## 1. What the folder holds

`train` wants a VOC folder with two kinds of images, such that show the target and such
that do not, and their names in `ImageSets/Main/train.txt` and `val.txt`. Of an
annotation it reads the size, and each object's name and box. If your folder is like
this, go to step 2.

These photographs all show a raccoon. So `crop` cuts square windows out of them: some
around a box, some beside all boxes; a quarter of the photographs is for validation.
Windows that the box nearly fills are left out: there, any mask lies in the box. The
new folder's `manifest.json` names the target; of any other folder, `train` wants
`--target`.
"""

# %%
windows = "--target raccoon --image-size 64 --windows-per-box 6 --max-share 0.7"
keras_xai(f"crop '{DATA}' raccoons {windows}")

train, validation = read_splits(Path("raccoons"))
for subset, split in (("train", train), ("val", validation)):
    print(
        f"{subset:<6}{split.num_images:4d} windows, {split.labels.sum()} with raccoon"
    )

# %% [markdown]
"""
## 2. Training without boxes, and with them

The recipe `joint` was made for thin lines on white; `joint-photographs` is the one for
photographs. Its `scale` and `offset` bring pixels from 0 to 255 to about zero mean and
unit variance. Bilinear upsampling makes smooth masks. They start brighter
(`init_gain`) and are max-pooled on their way into the classifier; from the other
recipe's dim start and with its average pooling the mask went black here. And they cost
a fiftieth, since a raccoon needs more of them than a triangle. A recipe may also be a
JSON file of options: here it has fewer epochs. All weights are in units of
cross-entropy. If the images of your folder differ in size, add `--size 64 64`.
"""

# %%
EPOCHS = {"classifier": 12, "explainer": 2, "joint": 6}
photographs = joint_photographs.get_config("quick", price=1 / 50)
stages = tuple(
    dataclasses.replace(stage, epochs=EPOCHS[stage.name], l1_ramp_epochs=4)
    for stage in photographs.stages
)
options = config_to_dict(dataclasses.replace(photographs, stages=stages))
Path("photographs.json").write_text(json.dumps(options, indent=2))

OPTIONS = "--recipe photographs.json --seed 0 --precision auto"
keras_xai(f"train raccoons run {OPTIONS}")
keras_xai(f"train raccoons run-boxes {OPTIONS} --outside-boxes 1")

print(f"n = {validation.num_images}, majority {validation.majority_rate:.3f}\n")
for run in ("run", "run-boxes"):
    with open(f"{run}/log.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    print(
        f"{run:<10} accuracy {float(last['val_accuracy']):.3f}   "
        f"mask mean {float(last['val_coverage']):.3f}"
    )

# %% [markdown]
"""
*Accuracy* is the share of the *n* validation windows that are answered rightly;
*majority* is what answering "no raccoon" every time would score. *Mask mean* is the
mask's average over all pixels and windows, 1 being a white mask. `run-boxes` is the
training with `--outside-boxes`.

## 3. Explaining the windows

`explain` needs no annotations: a folder of photographs is enough.
"""

# %%
masks = {}
for run in ("run", "run-boxes"):
    keras_xai(f"explain {run} raccoons explanations-{run}")
    with np.load(f"explanations-{run}/masks.npz") as file:
        mask_of = dict(zip(file["filename"], file["mask"], strict=True))
    masks[run] = np.stack([mask_of[name] for name in validation.filenames])

# %% [markdown]
"""
## 4. Do the masks lie in the boxes?
"""

# %%
positives = np.flatnonzero(validation.labels)
boxes = np.stack([validation.target_box_map(i) for i in positives])
centre = centre_gaussian(validation.images[positives] / np.float32(255))
print(f"n = {len(positives):<30} in the box   pointing game")
for title, shown in (
    ("mask, without the price", masks["run"][positives]),
    ("mask, --outside-boxes", masks["run-boxes"][positives]),
    ("a bright spot in the centre", centre),
    ("every pixel alike", np.ones_like(centre)),
):
    inside = relevance_mass(shown, boxes)
    hits = pointing_game(shown, boxes)
    print(
        f"{title:<30}{inside.mean():8.2f} ± {inside.std(ddof=1):.2f}"
        f"{hits.mean():9.2f} ± {hits.std(ddof=1):.2f}"
    )

# %% [markdown]
"""
*In the box* is the share of a mask's brightness that lies in the box; the *pointing
game* asks whether its brightest pixel does, 1 or 0 a window. Both are means ± standard
deviations over the *n* validation windows with a raccoon. The last two lines know
nothing of any model: raccoons sit in the middle of such windows, so that a bright spot
there is a strong rival.

## 5. Looking at them
"""

# %%
negative = np.flatnonzero(validation.labels == 0)[0]
chosen = [*positives[:: len(positives) // 5][:5], negative]
figure, axes = plt.subplots(3, 6, figsize=(10, 5.4), layout="constrained")
for column, i in zip(axes.T, chosen, strict=True):
    column[0].imshow(validation.images[i], interpolation="nearest")
    for axis, run in zip(column[1:], ("run", "run-boxes"), strict=True):
        axis.imshow(masks[run][i], vmin=0, vmax=1, interpolation="nearest")
    for axis in column:
        for xmin, ymin, xmax, ymax in validation.target_boxes[i]:
            corner, size = (xmin - 0.5, ymin - 0.5), (xmax - xmin, ymax - ymin)
            axis.add_patch(Rectangle(corner, *size, fill=False, color="yellow"))
titles = ("window and box", "mask, without", "mask, --outside-boxes")
for axis, title in zip(axes[:, 0], titles, strict=True):
    axis.set_ylabel(title)
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
figure.savefig("masks.png")

# %% [markdown]
"""
Without the price the mask is large and runs over the box. With it, the mask is a
quarter as bright and more of it lies in the box, but it misses the raccoons of the
second and third window, and the last, which shows none, has a spot at its edge. That
has its cost: the accuracy of step 2 is lower. And a bright spot in the centre is a
strong rival: only the mask with the price has a larger share in the box, and neither
has it in the pointing game. Each is one training of minutes on small images of 200
photographs: train longer, and with several seeds, before you believe a difference. The
[tables](../../results/real/tables.md) have three, on larger images.

## 6. One page to send

`report` takes any mix of these folders to one HTML page without network.
"""

# %%
keras_xai("report run run-boxes explanations-run explanations-run-boxes report.html")
print(f"report.html: {Path('report.html').stat().st_size / 1e6:.1f} MB")
