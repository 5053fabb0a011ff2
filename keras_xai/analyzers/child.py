"""The process that runs iNNvestigate: `python -m keras_xai.analyzers.child JOB OUT`.

It needs the legacy Keras of TensorFlow, which must not meet Keras 3 in one process:
`keras_xai.analyzers.innvestigate` starts it with TF_USE_LEGACY_KERAS=1, writes JOB and
reads what it prints, one JSON object a line.
"""

import functools
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import innvestigate.analyzer
import innvestigate.layers
import numpy as np
import tensorflow as tf

ACTIVATION_LAYERS = ("ELU", "LeakyReLU", "PReLU", "ReLU")
TOLERANCE = 1e-4  # between the probabilities of the classifier and of its copy
NUM_CHECKED = 256  # images on which they are compared
CHECK = "--check"  # in the place of a method: nothing but that comparison


class SmoothGrad(innvestigate.analyzer.SmoothGrad):
    """Takes the noise scale it is given; iNNvestigate's takes 1 whatever it is."""

    def _augment(self, inputs: list[tf.Tensor]) -> list[tf.Tensor]:
        layers = innvestigate.layers
        repeat = layers.Repeat(self._augment_by_n)
        add_noise = layers.AddGaussianNoise(stddev=self._noise_scale)
        to_batch = layers.AugmentationToBatchAxis(self._augment_by_n)
        return [to_batch(add_noise(repeat(x))) for x in inputs]


class Deconvnet(innvestigate.analyzer.Deconvnet):
    """Starts from 1 as the gradient does; iNNvestigate's starts from the logit."""

    def _head_mapping(self, logit: tf.Tensor) -> tf.Tensor:
        return tf.ones_like(logit)


class GuidedBackprop(innvestigate.analyzer.GuidedBackprop):
    """Starts from 1 as the gradient does; iNNvestigate's starts from the logit."""

    def _head_mapping(self, logit: tf.Tensor) -> tf.Tensor:
        return tf.ones_like(logit)


ANALYZERS = {
    **innvestigate.analyzer.analyzers,
    "smoothgrad": SmoothGrad,
    "deconvnet": Deconvnet,
    "guided_backprop": GuidedBackprop,
}


class Job:
    """What the parent asks for, read from its folder."""

    def __init__(self, folder: Path) -> None:
        """Reads job.json and arrays.npz; the images stay on disk."""
        settings = json.loads((folder / "job.json").read_text())
        self.methods: dict[str, dict[str, Any]] = settings["methods"]
        self.batch_size: int = settings["batch_size"]
        self.checks: bool = settings["checks"]  # False: another process has checked
        self._layers = settings["layers"]
        with np.load(folder / "arrays.npz") as file:
            self.arrays = dict(file)
        self._images = np.load(folder / "images.npy", mmap_mode="r")
        self.scratch = folder / "heatmap.npy"
        self.shape: tuple[int, ...] = self._images.shape

    def read_images(self, part: slice) -> np.ndarray:
        """Returns images as the network takes them."""
        scaled = self._images[part] * self.arrays["scale"] + self.arrays["offset"]
        return scaled.astype(np.float32)

    def parts(self, size: int) -> list[slice]:
        """Returns which images make up each batch."""
        num_images = self.shape[0]
        return [slice(i, min(i + size, num_images)) for i in range(0, num_images, size)]

    def build_classifier(self, *, for_lrp: bool = False) -> tf.keras.Model:
        """Forgets all models before and builds the classifier, with the same seed."""
        tf.keras.backend.clear_session()
        tf.random.set_seed(0)
        return build_classifier(
            self.shape[1:], self._layers, self.arrays, for_lrp=for_lrp
        )


def main(job_dir: Path, out_dir: Path, names: list[str]) -> None:
    """Writes OUT/METHOD.npz for each method, and tells the parent how it goes.

    Args:
        job_dir: the parent's folder.
        out_dir: where the heatmaps go.
        names: of the methods to run, in this order; or `CHECK`, which writes nothing.
    """
    tell = _take_stdout()
    tf.compat.v1.disable_eager_execution()
    job = Job(job_dir)
    checks = job.checks or names == [CHECK]
    difference = measure_difference(job) if checks else 0.0
    for name in names:
        tell(event="started", method=name)
        try:
            if not difference <= TOLERANCE:
                raise ValueError(
                    f"the probabilities of the rebuilt classifier differ by "
                    f"{difference:.2g} from the given ones; "
                    f"expected at most {TOLERANCE:g}"
                )
            if name != CHECK:
                heatmap, seconds = explain(
                    job,
                    job.methods[name],
                    functools.partial(tell, event="progress", method=name),
                )
                _write(
                    out_dir / f"{name}.npz",
                    heatmap=heatmap,
                    seconds=seconds,
                    filename=job.arrays["filename"],
                )
        except Exception as error:  # whatever it is: the other methods go on
            message = (str(error).splitlines() or ["it gives no reason"])[0]
            message = re.sub(r"<[\w.]*?(\w+) object at 0x\w+>", r"\1", message)
            reason = f"{type(error).__name__}: {message}"
            tell(event="failed", method=name, reason=reason)
        else:
            tell(event="done", method=name)


def measure_difference(job: Job) -> float:
    """Returns how far the rebuilt classifier's probabilities are from the given ones.

    Returns:
        The largest absolute difference over the first images; NaN if there is one.
    """
    classifier = job.build_classifier()
    differences = []
    for part in job.parts(job.batch_size)[: -(-NUM_CHECKED // job.batch_size)]:
        probs = _softmax(classifier.predict_on_batch(job.read_images(part)))
        differences.append(np.abs(probs - job.arrays["probs"][part]).max())
    return float(np.max(differences))


def explain(
    job: Job, method: dict[str, Any], progress: Callable[..., None]
) -> tuple[np.ndarray, np.ndarray]:
    """Computes a method's heatmaps.

    Args:
        job: the classifier, its images and the class to explain for each.
        method: `analyzer`, iNNvestigate's name; `options`, its arguments; `signed`,
            which says how channels become one (see the parent's `AnalyzerSpec`).
        progress: called with `num_images`, the number done.

    Returns:
        `(num_images, height, width)` float32 on disk, so that memory does not grow with
        the images, and the seconds each image took.
    """
    heatmap = np.lib.format.open_memmap(job.scratch, "w+", np.float32, job.shape[:3])
    seconds = np.zeros(len(heatmap), np.float32)
    analyzer = ANALYZERS[method["analyzer"]](
        job.build_classifier(for_lrp=method["analyzer"].startswith("lrp")),
        neuron_selection_mode="index",
        # iNNvestigate 2's checks refuse sigmoid layers even where it means to warn;
        # the version of [IbPRIA19] let them pass.
        disable_model_checks=True,
        **method["options"],
    )
    samples = getattr(analyzer, "_augment_by_n", 1)
    analyzer.analyze(  # builds its graph, whose time is not an image's
        job.read_images(slice(1)), neuron_selection=job.arrays["classes"][:1]
    )
    for part in job.parts(max(1, job.batch_size // samples)):
        images, classes = job.read_images(part), job.arrays["classes"][part]
        start = time.perf_counter()
        relevance = analyzer.analyze(images, neuron_selection=classes)
        seconds[part] = (time.perf_counter() - start) / len(images)
        if not np.isfinite(relevance).all():
            raise FloatingPointError("it gives values that are not finite")
        if not method["signed"]:
            relevance = np.abs(relevance)
        heatmap[part] = relevance.sum(axis=-1)
        progress(num_images=part.stop)
    return heatmap, seconds


def build_classifier(
    image_shape: tuple[int, ...],
    layers: list[dict[str, Any]],
    arrays: dict[str, np.ndarray],
    *,
    for_lrp: bool = False,
) -> tf.keras.Model:
    """Rebuilds a `keras_xai.analyzers.network.Network`.

    Args:
        image_shape: `(height, width, channels)`.
        layers: each with `class_name`, `config` and `inputs`.
        arrays: the i-th layer's j-th weight is `weight_i_j`; both count from 0.
        for_lrp: whether activation layers become `Activation`s: iNNvestigate's LRP
            hands relevance on unchanged through that layer, and no other.

    Returns:
        A model from scaled images to logits.
    """
    tensors = [tf.keras.Input(image_shape)]
    for i, entry in enumerate(layers):
        layer = getattr(tf.keras.layers, entry["class_name"])(**entry["config"])
        if for_lrp and entry["class_name"] in ACTIVATION_LAYERS:
            layer = tf.keras.layers.Activation(layer)
        inputs = [tensors[position] for position in entry["inputs"]]
        tensors.append(layer(inputs if len(inputs) > 1 else inputs[0]))
        layer.set_weights(
            [arrays[f"weight_{i}_{j}"] for j in range(len(layer.get_weights()))]
        )
    return tf.keras.Model(tensors[0], tensors[-1])


def _take_stdout() -> Callable[..., None]:
    """Keeps standard output for messages; what else is printed goes to the log."""
    messages = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(**message: Any) -> None:
        print(json.dumps(message), file=messages, flush=True)

    return tell


def _softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def _write(path: Path, **arrays: Any) -> None:
    part = path.with_name(f".{path.name}")
    with part.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(part, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
