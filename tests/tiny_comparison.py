"""Images and a joint model to compare explanations on, too small to learn."""

import tracemalloc

import keras
import numpy as np

from keras_xai.datasets.split import Split
from keras_xai.models import joint
from keras_xai.models.classifier import build_classifier
from keras_xai.models.explainer import build_explainer

SIZE = 16


def make_split(num_images, rng, labels=None):
    images = rng.integers(0, 256, (num_images, SIZE, SIZE, 3), dtype=np.uint8)
    labels = np.arange(num_images) % 2 if labels is None else np.array(labels)
    filenames = tuple(f"{i}.png" for i in range(num_images))
    return Split(images, labels.astype(np.int32), None, filenames, ("no", "yes"))


def build_joint():
    keras.utils.set_random_seed(0)
    shape = (SIZE, SIZE, 3)
    return joint.build_joint(
        build_explainer(shape, filters=(4, 8)),
        build_classifier(shape, 2, filters=(4, 8), dense_units=(8,)),
    )


def peak_memory(function, *arguments):
    tracemalloc.start()
    function(*arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
