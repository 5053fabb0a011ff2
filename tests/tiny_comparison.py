"""What explanations are compared on, too small to learn, and whom they are asked of."""

import json
import tracemalloc
from contextlib import contextmanager

import keras
import numpy as np
import pytest

from keras_xai.analyzers.innvestigate import Failure
from keras_xai.comparison import cases, explaining
from keras_xai.comparison.compare import compare
from keras_xai.comparison.options import Options
from keras_xai.datasets.split import Split
from keras_xai.models import joint
from keras_xai.models.classifier import build_classifier
from keras_xai.models.explainer import build_explainer
from keras_xai.training.config import JointConfig, config_to_dict
from keras_xai.training.joint import build_from_config
from keras_xai.training.runs import open_run, write_log

SIZE = 16
CLASS_NAMES = ["no triangle", "triangle"]
QUICK = {
    "num_images": 6,
    "faithfulness_images": 2,
    "sanity_images": 2,
    "num_steps": 2,
    "leak_steps": 2,
}
ANALYZERS = ("gradient", "lrp.z", "deep_taylor")


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


def write_run(run):
    """Writes the folder that `train` leaves, without the training."""
    keras.config.set_dtype_policy("float32")
    config = JointConfig(
        scale=-1 / 51,  # another one than the comparison's own 1/255
        offset=5.0,
        explainer_filters=(4, 8),
        classifier_filters=(4, 8),
        dense_units=(8,),
    )
    settings = {"config": config_to_dict(config), "class_names": CLASS_NAMES}
    open_run(run, settings)
    for seed, stage in enumerate(config.stages):
        keras.utils.set_random_seed(seed)
        joint = build_from_config(config, (32, 32, 3), 2)
        joint.save_weights(run / f"{stage.name}.weights.h5")
    joint.save(run / "model.keras")
    row = {"epoch": 1, "val_accuracy": 0.9, "majority_rate": 0.6}
    write_log(run, [{"stage": stage.name, **row} for stage in config.stages])
    return run


class StandIn:
    """Stands in for iNNvestigate; the methods of `fails` have no heatmaps."""

    def __init__(self, fails, fails_randomised=()):
        self.fails, self.fails_randomised = fails, fails_randomised
        self.asked = []

    def analyze(
        self, network, images, probs, methods, *, filenames, out_dir, report, **options
    ):
        self.asked.append(list(methods))
        self.precision = options["precision"]
        self.network = network
        assert images.dtype == np.uint8
        assert len(images) == len(probs) == len(options["classes"])
        out_dir.mkdir(parents=True, exist_ok=True)
        results = {}
        is_random = out_dir.name == "randomised"
        for name in methods:
            if name in (self.fails_randomised if is_random else self.fails):
                results[name] = Failure("It took longer than 1 s.")
                continue
            heatmap = images[..., 0].astype(np.float32) * len(name)
            results[name] = out_dir / f"{name}.npz"
            seconds = np.full(len(images), 0.5, np.float32)
            np.savez(
                results[name], heatmap=heatmap, seconds=seconds, filename=filenames
            )
        report(len(methods) * len(images))
        return results


@contextmanager
def innvestigate_is(stand_in):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explaining, "analyze", stand_in.analyze)
        patch.setattr(cases, "check_installed", lambda: None)
        yield stand_in


def read(folder):
    return json.loads((folder / "comparison.json").read_text())


def compare_with_one_failure(run, data, out):
    """Compares three analyzers, of which lrp.z fails; returns the folder."""
    with innvestigate_is(StandIn(fails={"lrp.z"})):
        compare(run, data, out, Options(**QUICK, methods=ANALYZERS))
    return out
