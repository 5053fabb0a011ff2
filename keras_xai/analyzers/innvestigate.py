"""Heatmaps by iNNvestigate's analyzers, run in a process of their own."""

import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keras_xai.analyzers.methods import NUM_SAMPLES, AnalyzerSpec
from keras_xai.analyzers.network import Network
from keras_xai.errors import InputError

INSTALL = (
    "pip install 'tf-keras>=2.21' && "
    "pip install --no-deps --ignore-requires-python innvestigate==2.1.2"
)
START_SECONDS = 300  # to import TensorFlow, rebuild the classifier and check it
_OUT_OF_MEMORY = ("ResourceExhaustedError", "MemoryError")
_CHILD = (sys.executable, "-m", "keras_xai.analyzers.child")
_CHECK = "--check"  # the child's own, see there

# Of products and convolutions; sums are in float32.
ProductPrecision = Literal["float32", "bfloat16"]
_ENVIRONMENT = {
    "float32": {"ONEDNN_DEFAULT_FPMATH_MODE": "STRICT"},
    "bfloat16": {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16", "TF_ENABLE_ONEDNN_OPTS": "1"},
}


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a method has no heatmaps, and whether it would fail again."""

    reason: str
    is_final: bool = True  # False: time, memory or the process ran out


def check_installed() -> None:
    """Raises an InputError that says how to install iNNvestigate if it is missing."""
    for module in ("innvestigate", "tf_keras"):
        if importlib.util.find_spec(module) is None:
            raise InputError(f"{module} is not installed; install it with: {INSTALL}")


def analyze(
    network: Network,
    images: np.ndarray,
    probs: np.ndarray,
    methods: Mapping[str, AnalyzerSpec],
    *,
    filenames: Sequence[str],
    input_range: tuple[float, float],
    out_dir: Path,
    classes: np.ndarray | None = None,
    batch_size: int = 32,
    num_samples: int = NUM_SAMPLES,
    precision: ProductPrecision = "float32",
    seconds_per_method: float = 3600,
    report: Callable[[int], None] = lambda num_heatmaps: None,
) -> dict[str, Path | Failure]:
    """Explains a classifier's decisions with each method.

    What is explained is the centred logit of a class (see `Network`). Every method
    explains the same one. iNNvestigate's own deep_taylor is zero wherever the logit is
    not positive, and its deconvnet and guided_backprop are multiplied by the logit.
    Here they are not; only for a class that has less than the mean of the logits is
    deep_taylor still zero.

    A method that fails, or takes too long, does not stop the others. Should the
    process die, another one goes on with the methods that are left.

    Args:
        network: the classifier, from `extract_network`.
        images: `(num_images, height, width, channels)` as the classifier takes them,
            before its own rescaling; may be a memory map.
        probs: `(num_images, num_classes)`, the classifier's in float32; the rebuilt
            network must give the same to 1e-4 for the first 256 images.
        methods: from `select_methods`, or by names of one's own.
        filenames: one an image.
        input_range: the values of a black and of a white pixel of `images`.
        out_dir: the folder that gets METHOD.npz: `heatmap`, float32 `(num_images,
            height, width)`; `seconds`, float32 `(num_images,)`, the time each image
            took in its batch; `filename`. A file is whole or not there.
        classes: `(num_images,)` index of the class to explain; None: the predicted.
        batch_size: images in the network at a time. SmoothGrad and integrated
            gradients put in all their samples of an image at once, if more.
        num_samples: how many inputs SmoothGrad and integrated gradients average over.
        precision: "bfloat16" rounds the factors of products and convolutions to that
            type and adds in float32, where oneDNN knows the processor's instructions
            for it. The network is checked in float32 before.
        seconds_per_method: how long a method may take.
        report: called with the number of heatmaps done; failed ones count as done.

    Returns:
        For each method the file, or why there is none.

    Raises:
        InputError: if iNNvestigate is not installed.
        ValueError: if the arrays do not fit together, or the precision is unknown.
    """
    if precision not in _ENVIRONMENT:
        raise ValueError(
            "Invalid value for `precision`. Expected 'float32' or 'bfloat16'. "
            f"Received: precision={precision!r}"
        )
    check_installed()
    classes = probs.argmax(axis=-1) if classes is None else np.asarray(classes)
    _check(images, probs, classes, filenames, input_range)
    out_dir.mkdir(parents=True, exist_ok=True)
    results: dict[str, Path | Failure] = {}

    def progress(num_methods: int, num_images: int) -> None:
        report((len(results) + num_methods) * len(images) + num_images)

    with tempfile.TemporaryDirectory(prefix="keras-xai-") as room:
        job_dir = Path(room)
        np.save(job_dir / "images.npy", images)
        np.savez(
            job_dir / "arrays.npz",
            **_weights(network),
            scale=network.scale,
            offset=network.offset,
            probs=probs,
            classes=classes,
            filename=np.array(filenames),
        )
        job = _job(network, methods, input_range, batch_size, num_samples)
        job["checks"] = precision == "float32"
        (job_dir / "job.json").write_text(json.dumps(job))
        if precision != "float32":
            results |= _check_in_float32(job_dir, out_dir, methods)
        while waiting := [name for name in methods if name not in results]:
            results |= _run_child(
                job_dir, out_dir, waiting, seconds_per_method, progress, precision
            )
    return {name: results[name] for name in methods}


def _check_in_float32(
    job_dir: Path, out_dir: Path, names: Iterable[str]
) -> dict[str, Path | Failure]:
    """Returns a failure for each method if the network is not the classifier."""
    found = _run_child(job_dir, out_dir, [_CHECK], START_SECONDS, lambda *_: None)
    failed = isinstance(found[_CHECK], Failure)
    return dict.fromkeys(names, found[_CHECK]) if failed else {}


def _run_child(
    job_dir: Path,
    out_dir: Path,
    names: Sequence[str],
    seconds_per_method: float,
    progress: Callable[[int, int], None],
    precision: ProductPrecision = "float32",
) -> dict[str, Path | Failure]:
    """Runs methods in one process until it ends.

    Returns:
        The results there are: those of the methods that came to an end, that of the
        one at which the process was ended, or, if it did not get as far as a method,
        the same failure for all.
    """
    results: dict[str, Path | Failure] = {}
    running = None
    log_path = job_dir / "log.txt"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [*_CHILD, str(job_dir), str(out_dir), *names],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={
                **os.environ,
                **_ENVIRONMENT[precision],
                "TF_USE_LEGACY_KERAS": "1",
            },
        )
    limit = _Limit(process)
    try:
        limit.start(START_SECONDS)
        for line in process.stdout or ():
            message = json.loads(line)
            name = message["method"]
            if message["event"] == "started":
                running = name
                limit.start(seconds_per_method)
            elif message["event"] == "progress":
                progress(len(results), message["num_images"])
            else:
                results[name] = (
                    _failure(message["reason"])
                    if message["event"] == "failed"
                    else out_dir / f"{name}.npz"
                )
                running = None
                limit.start(START_SECONDS)
                progress(len(results), 0)
    finally:
        limit.stop()
        process.kill()
        returncode = process.wait()
    if running or not results:
        reason = limit.reason or _why_ended(returncode, log_path.read_text())
        failure = Failure(reason, is_final=False)
        results |= {name: failure for name in ([running] if running else names)}
        progress(len(results), 0)
    return results


def _failure(reason: str) -> Failure:
    return Failure(reason, is_final=not reason.startswith(_OUT_OF_MEMORY))


class _Limit:
    """Kills a process that takes too long."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.reason = ""
        self._process = process
        self._timer = threading.Timer(0, lambda: None)

    def start(self, seconds: float) -> None:
        self.stop()
        self._timer = threading.Timer(seconds, self._expire, [seconds])
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()

    def _expire(self, seconds: float) -> None:
        self.reason = f"It took longer than {seconds:g} s."
        self._process.kill()


def _why_ended(returncode: int, log: str) -> str:
    if returncode == -signal.SIGKILL:
        return "The process was killed, as happens when memory runs out."
    if returncode < 0:
        return f"The process was ended by {signal.Signals(-returncode).name}."
    last_line = (log.strip().splitlines() or ["without a message"])[-1]
    return f"The process ended early: {last_line}"


def _job(
    network: Network,
    methods: Mapping[str, AnalyzerSpec],
    input_range: tuple[float, float],
    batch_size: int,
    num_samples: int,
) -> dict[str, Any]:
    ends = [end * network.scale + network.offset for end in input_range]
    low, high = float(np.min(ends)), float(np.max(ends))
    return {
        "batch_size": batch_size,
        "layers": [
            {"class_name": x.class_name, "config": x.config, "inputs": x.inputs}
            for x in network.layers
        ],
        "methods": {
            name: {
                "analyzer": spec.analyzer,
                "options": {
                    **({spec.samples: num_samples} if spec.samples else {}),
                    **spec.options(low, high),
                },
                "signed": spec.signed,
            }
            for name, spec in methods.items()
        },
    }


def _weights(network: Network) -> dict[str, Any]:
    return {
        f"weight_{i}_{j}": weight
        for i, layer in enumerate(network.layers)
        for j, weight in enumerate(layer.weights)
    }


def _check(
    images: np.ndarray,
    probs: np.ndarray,
    classes: np.ndarray,
    filenames: Sequence[str],
    input_range: tuple[float, float],
) -> None:
    low, high = input_range
    if images.ndim != 4 or not low <= images.min() <= images.max() <= high:
        raise ValueError(
            "Invalid value for `images`. Expected (num_images, height, width, "
            f"channels) with values from {low} to {high}. Received: shape="
            f"{images.shape}, values from {images.min()} to {images.max()}"
        )
    if probs.ndim != 2 or not len(probs) == len(classes) == len(filenames) == len(
        images
    ):
        raise ValueError(
            "Invalid value for `probs`, `classes` or `filenames`. Expected one for "
            f"each of {len(images)} images. Received: probs.shape={probs.shape}, "
            f"{len(classes)} classes, {len(filenames)} filenames"
        )
    if not 0 <= classes.min() <= classes.max() < probs.shape[1]:
        raise ValueError(
            f"Invalid value for `classes`. Expected 0 to {probs.shape[1] - 1}. "
            f"Received: {classes.min()} to {classes.max()}"
        )
