"""Times the joint step of the first paper's time: legacy Keras, float32, eager batches.

The same two networks, from the same builders, which call nothing but layers that legacy
Keras has, too. One line read is one round of STEPS steps; their mean seconds are
printed. `joint_step.py` runs this beside its own rounds.

    python scripts/benchmark/joint_step_legacy.py IMAGE_SIZE BATCH_SIZE STEPS
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tf_keras

tf_keras.KerasTensor = tf_keras.Operation = object  # named in annotations only
sys.modules["keras"] = tf_keras

PRICE = 1e-6  # of the mask, in the loss


def build(image_size: int) -> tf_keras.Model:
    """Builds and compiles the joint model of the paper for its third stage."""
    from keras_xai.models.classifier import build_classifier
    from keras_xai.models.explainer import build_explainer

    shape = (image_size, image_size, 3)
    image = tf_keras.Input(shape)
    mask = build_explainer(shape)(image)
    probs = build_classifier(shape, 2)({"image": image, "mask": mask})
    model = tf_keras.Model(image, [probs, mask])
    model.compile(
        tf_keras.optimizers.Adadelta(1.0, rho=0.95, epsilon=1e-7),
        loss=["categorical_crossentropy", lambda _, mask: PRICE * abs(mask)],
        metrics=[["accuracy"], []],
    )
    return model


def main(image_size: int, batch_size: int, steps: int) -> None:
    """Answers every line with the mean seconds of a round's steps."""
    rng = np.random.default_rng(0)
    images = rng.random((batch_size, image_size, image_size, 3), np.float32)
    labels = np.eye(2, dtype=np.float32)[rng.integers(0, 2, batch_size)]
    masks = np.zeros((batch_size, image_size, image_size, 1), np.float32)
    model = build(image_size)
    model.train_on_batch(images, [labels, masks])
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(steps):
            model.train_on_batch(images, [labels, masks])
        print((time.perf_counter() - start) / steps, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
