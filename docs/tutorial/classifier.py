# %% [markdown]
"""
# Your own classifier, decoded and explained

A classifier keeps of its input what it needs. ClaDec trains a decoder that turns a
layer's activations back into images, and so shows what is still there at this layer: of
a pullover the sleeves, perhaps, and not the print on its front. This page trains a
small classifier in place of yours, decodes two of its layers, and lays the heatmaps of
two of iNNvestigate's analyzers beside that.

![Images, reconstructions and heatmaps](classifier_files/classifier_10_0.png)

This page is what
[`classifier.py`](classifier.py) printed and drew. `python docs/tutorial/classifier.py`
runs it again, in a few minutes on two cores; on another processor the last digits
differ. It needs iNNvestigate (`make setup-innvestigate`) for step 4 alone, and
[Fashion-MNIST](https://github.com/zalandoresearch/fashion-mnist)'s four `.gz` files in
the folder `DATA`; Debian's package `dataset-fashion-mnist` puts them into
`/usr/share/datasets/fashion-mnist`.

Everything is written into a new folder; the script stops if there already is one of
that name. `keras_xai("decode …")` is `keras-xai decode …` typed into a shell in that
folder; without `--quiet` each command shows how far it is.
"""

# %% tags=["remove_output"]
import csv
import os
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from keras_xai.datasets.classification import read_classification

DATA = Path("work/data/fashion-mnist")
FOLDER = Path("work/tutorial/classifier")
train, test = read_classification(DATA)
FOLDER.mkdir(parents=True)
os.chdir(FOLDER)


def keras_xai(command: str) -> None:
    """Runs `keras-xai COMMAND --quiet`."""
    words = [sys.executable, "-m", "keras_xai.cli", *shlex.split(command), "--quiet"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


# %% [markdown]
"""
## 1. A classifier

Any functional or Sequential Keras classifier of one image will do, saved as `.keras`.
If yours expects other values than images in [0, 1], or its output wants a softmax,
`--input-range` and `--logits` say so;
if it knows more classes than your data, `--class-names` names them; if it has layers of
your own, `--custom-objects layers.py` finds them.
This one learns from 10,000 images, which takes half a minute. Give your layers names:
they are how a layer is chosen below.
"""

# %%
NUM_TRAIN, NUM_TEST = 10_000, 2_000
x_train, y_train = train.images[:NUM_TRAIN], train.labels[:NUM_TRAIN]
x_test, y_test = test.images[:NUM_TEST], test.labels[:NUM_TEST]

keras.utils.set_random_seed(0)
classifier = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu", name="conv1"),
        keras.layers.MaxPooling2D(name="pool1"),
        keras.layers.Conv2D(64, 3, padding="same", activation="relu", name="conv2"),
        keras.layers.MaxPooling2D(name="pool2"),
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dense(64, activation="relu", name="dense"),
        keras.layers.Dense(10, activation="softmax", name="probs"),
    ]
)
classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
classifier.fit(x_train / 255, y_train, batch_size=64, epochs=6, verbose=0)
classifier.save("classifier.keras")

_, accuracy = classifier.evaluate(x_test / 255, y_test, verbose=0)
majority = np.bincount(y_test).max() / NUM_TEST
print(f"test accuracy {accuracy:.3f}   (n = {NUM_TEST}, majority {majority:.3f})")

# %% [markdown]
"""
*Accuracy* is the share of *n* test images that are classified rightly; *majority* is
what always answering the most frequent class would score.

## 2. Decoding two layers

`decode` reads folders of images, one a class; Fashion-MNIST's own files; or arrays in
one `.npz` file, as here. For each layer it trains two networks of the same form:
*ClaDec*, a decoder behind the frozen classifier, and *RefAE*, the same decoder behind
an encoder that learns too. What RefAE cannot draw either is the decoder's fault; what
RefAE draws and ClaDec does not is what the classifier has dropped. The paper trains for
64 epochs; four show the difference.
"""

# %%
np.savez(
    "fashion.npz",
    x_train=x_train,
    y_train=y_train,
    x_test=x_test,
    y_test=y_test,
    class_names=train.class_names,
)
for layer in ("pool2", "dense"):
    keras_xai(
        f"decode classifier.keras --layer {layer} --data fashion.npz "
        f"--epochs 4 --seed 0 --precision auto decoded-{layer}"
    )

# %% [markdown]
"""
## 3. What is still there, in numbers
"""

# %%
METRICS = ("squared_error", "ssim", "agreement", "accuracy")
print(f"n = {NUM_TEST:<12}" + "".join(f"{name:>18}" for name in METRICS))
for layer in ("pool2", "dense"):
    with open(f"decoded-{layer}/metrics.csv", newline="") as file:
        rows = {(row["method"], row["metric"]): row for row in csv.DictReader(file)}
    for method in ("ref_ae", "cladec"):
        print(f"{layer:<8}{method:<8}", end="")
        for metric in METRICS:
            mean, sd = (float(rows[method, metric][key]) for key in ("mean", "sd"))
            print(f"{mean:10.2f} ± {sd:5.2f}", end="")
        print()

# %% [markdown]
"""
*Squared error* is the sum over an image's 784 pixels, each in [0, 1]; *SSIM*, the
structural similarity, is 1 for equal images. *Agreement* is the share of images whose
reconstruction the classifier calls what it calls the image; *accuracy* the share whose
reconstruction it calls by the right name. Each is a mean ± standard deviation over the
same *n* test images; agreement and accuracy are 0 or 1 an image, and so have the spread
of a coin.

At `pool2` both networks draw what is close to the image; at `dense` much is gone, with
twice the error. By squared error RefAE is a little nearer to the images at both layers.
But at `dense` the classifier recognises ClaDec's images clearly more often: what the
layer has kept is what the classifier needs, and a network that learns to copy does not
keep that first.

## 4. Explaining single decisions

A reconstruction says what a layer knows; a heatmap says which pixels the answer
depends on. `explain` takes the classifier and a folder of images, here four that are
classified rightly and four that are not, and shows both: `cladec` with the decoder that
`decode` has trained, and analyzers of iNNvestigate.
"""

# %%
with np.load("decoded-pool2/reconstructions.npz") as file:
    labels, predictions = file["label"], file["prediction"]
    from_pool2 = file["cladec"]
is_right = labels == predictions
chosen = [*np.flatnonzero(is_right)[:4], *np.flatnonzero(~is_right)[:4]]
Path("images").mkdir()
for place, i in enumerate(chosen):  # explained in the order of their names
    Image.fromarray(x_test[i, ..., 0]).save(f"images/{place}-test-{i}.png")

names = shlex.join(train.class_names)
keras_xai(
    "explain classifier.keras images explanations --decoded decoded-dense "
    f"--method cladec gradient lrp.epsilon --class-names {names}"
)

# %%
rows = {"image": x_test[chosen] / 255, "ClaDec\npool2": from_pool2[chosen]}
for title, method in (("RefAE\ndense", "ref_ae"), ("ClaDec\ndense", "cladec")):
    with np.load(f"explanations/{method}/{method}.npz") as file:
        rows[title] = file["reconstruction"]
for method in ("gradient", "lrp.epsilon"):
    with np.load(f"explanations/{method}/{method}.npz") as file:
        heatmaps = file["heatmap"]
    rows[method] = heatmaps / np.abs(heatmaps).max(axis=(1, 2), keepdims=True)

figure, axes = plt.subplots(6, 8, figsize=(10, 8), layout="constrained")
for row, (title, pictures) in zip(axes, rows.items(), strict=True):
    if title in ("gradient", "lrp.epsilon"):
        look = {"cmap": "seismic", "vmin": -1, "vmax": 1}
    else:
        look = {"cmap": "gray", "vmin": 0, "vmax": 1}
    for axis, picture in zip(row, pictures, strict=True):
        axis.imshow(picture, **look)
        axis.set(xticks=[], yticks=[])
    row[0].set_ylabel(title)
for axis, i in zip(axes[0], chosen, strict=True):
    label, prediction = train.class_names[labels[i]], train.class_names[predictions[i]]
    axis.set_title(label if is_right[i] else f"{label}\n→ {prediction}", fontsize=9)
figure.savefig("overview.png")

# %% [markdown]
"""
`pool2` still shows the print on the pullover as a dark spot, and the opening in the
boot; at `dense` no more than a shadow is left of either. The sneaker and the sandal,
which are classified wrongly (the answer stands after the arrow), become nearly the same
shoe there: what would tell them apart hardly gets to the last layer. RefAE, which
learned to copy through as many numbers, is as blurred, so that part of the blur is the
price of 64 numbers and a short training, and not the classifier's choice.

Heatmaps are divided by their own peak. Those of `lrp.epsilon` are red where a pixel
speaks for the answer and blue where it speaks against it; a gradient's size has no
sign, so that it is all red. They tell where the answer comes from, and not what of it
is known: that takes the rows above.

## 5. One page to send

`report` takes any mix of these folders to one HTML page without network.
"""

# %%
keras_xai("report decoded-pool2 decoded-dense explanations report.html")
print(f"report.html: {Path('report.html').stat().st_size / 1e6:.1f} MB")
