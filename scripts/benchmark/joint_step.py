"""Times a training step of the joint model, by stage and dtype policy, in one run.

The ratios are to the float32 policy and, of the joint step, to what the paper's time
had: the same networks in legacy Keras (`joint_step_legacy.py`, which wants tf-keras).
Beside them stands the floor: the step's multiplications and additions at the speed of
one large convolution, measured in the same rounds. Also times the input pipeline alone,
as a share of the fastest step.

    python scripts/benchmark/joint_step.py [--image-size 224] [--rounds 5]
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from keras_xai.datasets.batches import draw_batches, training_batches
from keras_xai.datasets.split import Split
from keras_xai.recipes import RECIPES
from keras_xai.training.config import Stage
from keras_xai.training.joint import build_from_config
from keras_xai.training.precision import resolve_precision
from keras_xai.training.stages import compile_stage

STEPS = 4  # a round
BATCH_SIZE = 8
PARTS = ("explainer", "classifier")
STREAMS = contextlib.ExitStack()  # of batches, open to the end


def random_split(image_size: int) -> Split:
    """100 images of noise: what a step costs does not depend on what it sees."""
    rng = np.random.default_rng(0)
    shape = (100, image_size, image_size)
    return Split(
        images=rng.integers(0, 256, (*shape, 3), dtype=np.uint8),
        labels=rng.integers(0, 2, 100).astype(np.int32),
        object_maps=rng.integers(0, 3, shape, dtype=np.uint8),
        filenames=("",) * 100,
        class_names=("no", "yes"),
    )


def batches(split: Split, *mask_outputs: str):
    """An endless stream of batches, as in training."""
    indices = draw_batches(split.num_images, BATCH_SIZE, 64, seed=(0,))
    stream = STREAMS.enter_context(
        training_batches(split, indices, indices % 8, mask_outputs=mask_outputs)
    )
    return stream.repeat()


def count_operations(model: keras.Model) -> int:
    """Counts the multiplications and additions of an image's convolutions."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += count_operations(layer)
        elif isinstance(layer, keras.layers.Conv2DTranspose):
            total += (
                2
                * layer.kernel.numpy().size
                * layer.input.shape[1]
                * layer.input.shape[2]
            )
        elif isinstance(layer, keras.layers.Conv2D):
            _, height, width, _ = layer.output.shape
            total += 2 * layer.kernel.numpy().size * height * width
    return total


def step_operations(model: keras.Model, stage: Stage) -> int:
    """Counts those of a step: forward, gradient to the input, gradient to the kernel.

    A frozen part has no gradient to its kernels, one that the loss does not go through
    no gradient at all.
    """
    parts = {part: count_operations(model.get_layer(part)) for part in PARTS}
    if stage.white_mask:
        return BATCH_SIZE * 3 * parts["classifier"]
    frozen = {part for part in parts if part not in stage.trains}
    return BATCH_SIZE * sum(n * (2 if p in frozen else 3) for p, n in parts.items())


def large_convolution(policy: str):
    """Returns a function that runs a large convolution, and its operations."""
    dtype = "bfloat16" if policy == "mixed_bfloat16" else "float32"
    layer = keras.layers.Conv2D(256, 3, padding="same", use_bias=False, dtype=dtype)
    x = keras.ops.ones((8, 56, 56, 256), dtype)
    layer.build(x.shape)
    run = tf.function(layer)
    return lambda: run(x).numpy(), 2 * 9 * 256 * 256 * 8 * 56 * 56


class LegacyStep:
    """The peer in legacy Keras, waiting in a process of its own."""

    def __init__(self, image_size: int) -> None:
        """Starts it."""
        script = Path(__file__).with_name("joint_step_legacy.py")
        sizes = (image_size, BATCH_SIZE, STEPS)
        self._process = subprocess.Popen(
            [sys.executable, script, *map(str, sizes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def measure(self) -> float:
        """Returns the mean seconds a step of a round."""
        print(file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit("joint_step_legacy.py ended; what it said is above.")
        return float(answer)


def main() -> None:
    """Prints the median seconds a step of every policy and stage, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    legacy = LegacyStep(args.image_size)
    split = random_split(args.image_size)
    config = RECIPES["joint-2019"]("paper")

    policies = ["float32"]
    if resolve_precision("auto") != "float32":
        policies.append(resolve_precision("auto"))
    graphs, operations, convolutions = {}, {}, {}
    for policy in policies:
        keras.config.set_dtype_policy(policy)
        convolutions[policy] = large_convolution(policy)
        convolutions[policy][0]()
        for stage in config.stages:
            model = build_from_config(config, split.image_shape, 2)
            graph, _ = compile_stage(model, config, stage)
            stream = batches(split, *(() if stage.white_mask else ("mask",)))
            graph.fit(stream, steps_per_epoch=2, verbose=0, shuffle=False)
            graphs[policy, stage.name] = graph, stream
            operations[stage.name] = step_operations(model, stage)

    legacy_seconds = []
    seconds = {key: [] for key in graphs}
    speeds = {policy: [] for policy in policies}  # operations a second
    for _ in range(args.rounds):  # side by side: every round times every graph
        for key, (graph, stream) in graphs.items():
            start = time.perf_counter()
            graph.fit(stream, steps_per_epoch=STEPS, verbose=0, shuffle=False)
            seconds[key].append((time.perf_counter() - start) / STEPS)
        legacy_seconds.append(legacy.measure())
        for policy, (convolve, count) in convolutions.items():
            start = time.perf_counter()
            convolve()
            speeds[policy].append(count / (time.perf_counter() - start))
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    for (policy, stage), median in medians.items():
        ratio = median / medians["float32", stage]
        floor = operations[stage] / statistics.median(speeds[policy])
        print(
            f"{stage:>10} {policy:>15} {median:.3f} s a step, {ratio:.2f} of float32, "
            f"{median / floor:.2f} of the floor ({operations[stage] / 1e9:.0f} GFLOP)"
        )

    legacy_median = statistics.median(legacy_seconds)
    fastest = min(value for (_, stage), value in medians.items() if stage == "joint")
    print(
        f"     joint    legacy Keras {legacy_median:.3f} s a step; "
        f"the fastest above takes {fastest / legacy_median:.2f} of it"
    )

    iterator = iter(batches(split, "mask"))
    next(iterator)
    start = time.perf_counter()
    for _ in range(50):
        next(iterator)
    share = (time.perf_counter() - start) / 50 / min(medians.values())
    print(f"input pipeline: {share:.1%} of the fastest step")


if __name__ == "__main__":
    main()
