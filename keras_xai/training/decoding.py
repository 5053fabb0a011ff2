"""Trains what the second paper trains: classifiers, ClaDec and RefAE."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from keras_xai import losses
from keras_xai.datasets.batches import draw_batches
from keras_xai.datasets.gather import gather_batches
from keras_xai.errors import InputError
from keras_xai.models.cladec import build_autoencoder, build_cladec, build_ref_ae
from keras_xai.models.decoder import build_decoder
from keras_xai.training.codes import encode
from keras_xai.training.decoding_config import DecodingConfig
from keras_xai.training.fast_layers import fast_layers
from keras_xai.training.fused_adam import FusedAdam
from keras_xai.training.runs import LogRow

STEPS_PER_EXECUTION = 8  # of small networks, whose step is shorter than its dispatch
PARTS = ("classifier", "decoder", "evaluation")
LOSSES: dict[str, Any] = {
    "reconstruction": losses.squared_error,
    "probs": "sparse_categorical_crossentropy",
}

Report = Callable[[LogRow], None]


def seed_part(seed: int, part: str) -> int:
    """Derives the seed of one part of an experiment, and sets Keras' global seed to it.

    The decoders of ClaDec and RefAE share a seed, and so do their evaluation
    classifiers: both see the same batches. The evaluation classifiers start from the
    same weights too; RefAE's decoder is a copy that draws its own.

    Args:
        seed: of the experiment.
        part: one of `PARTS`. Build the part's model after this call.
    """
    entropy = np.random.SeedSequence((seed, PARTS.index(part)))
    part_seed = int(entropy.generate_state(1)[0])
    keras.utils.set_random_seed(part_seed)
    return part_seed


def fit_classifier(
    classifier: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    config: DecodingConfig,
    *,
    seed: int,
    report: Report = lambda row: None,
) -> None:
    """Trains a classifier.

    Args:
        classifier: from images in [0, 1] to probabilities; changed in place.
        images: `(num_images, height, width, channels)` uint8, or float32 in [0, 1].
        labels: `(num_images,)` int32.
        config: epochs, batches and learning rate.
        seed: of the batches.
        report: called with each epoch's row.

    Raises:
        InputError: if the loss is not finite.
    """
    graph = keras.Model(classifier.input, {"probs": classifier.output})
    _fit(graph, images, {"probs": labels}, {"probs": 1.0}, config, seed, report)


def train_cladec(
    encoder: keras.Model,
    classifier: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    config: DecodingConfig,
    *,
    seed: int,
    spill_dir: Path | None = None,
    report: Report = lambda row: None,
) -> keras.Model:
    """Trains a decoder on the codes of a frozen classifier.

    The codes are computed once. With alpha = 0 the classifier takes no part in an
    epoch; else gradients pass through it. Its weights and statistics stay as they are.

    Args:
        encoder: the classifier up to a layer, as from `build_encoder`.
        classifier: from images in [0, 1] to probabilities.
        images: `(num_images, height, width, channels)` uint8.
        labels: `(num_images,)` int32.
        config: the choices.
        seed: of weights and batches. Sets Keras' global seed.
        spill_dir: for codes that do not fit in memory; by default the system's
            temporary folder.
        report: called with each epoch's row.

    Returns:
        A model from images in [0, 1] to reconstructions.

    Raises:
        InputError: if the loss is not finite.
        ValueError: if the layer's output cannot be decoded.

    Reference:
        [IDA21] Sec. 2, Eq. 1.
    """
    part_seed = seed_part(seed, "decoder")
    decoder = _build_decoder(encoder, config)
    with TemporaryDirectory(prefix="codes-", dir=spill_dir) as folder:
        codes = encode(encoder, images, Path(folder) / "codes.npy")
        fit_decoder(
            decoder,
            codes,
            images,
            config,
            seed=part_seed,
            classifier=classifier,
            labels=labels,
            report=report,
        )
    return build_autoencoder(encoder, decoder)


def fit_decoder(
    decoder: keras.Model,
    codes: Any,
    images: np.ndarray,
    config: DecodingConfig,
    *,
    seed: int,
    classifier: keras.Model | None = None,
    labels: np.ndarray | None = None,
    report: Report = lambda row: None,
) -> None:
    """Trains a decoder on codes that are there.

    Args:
        decoder: a model from `build_decoder`; changed in place.
        codes: `(num_images, *code_shape)` float32, as from `encode`.
        images: `(num_images, height, width, channels)` uint8.
        config: the choices.
        seed: of the batches.
        classifier: needed, with the labels, if alpha is above 0.
        labels: `(num_images,)` int32.
        report: called with each epoch's row.

    Raises:
        InputError: if the loss is not finite.
    """
    targets: dict[str, Any] = {"reconstruction": images}
    weights = {"reconstruction": 1 - config.alpha}
    judges = []
    if config.alpha > 0:
        graph = build_cladec(decoder, classifier)
        judges.append(classifier)
        targets["probs"] = labels
        weights["probs"] = config.alpha
    else:
        graph = keras.Model(decoder.input, {"reconstruction": decoder.output})
    _fit(graph, codes, targets, weights, config, seed, report, judges)


def train_ref_ae(
    encoder: keras.Model,
    images: np.ndarray,
    config: DecodingConfig,
    *,
    seed: int,
    report: Report = lambda row: None,
) -> keras.Model:
    """Trains RefAE: fresh encoder and decoder together, on reconstruction alone.

    Args:
        encoder: the encoder of ClaDec; it stays as it is.
        images: `(num_images, height, width, channels)` uint8.
        config: the choices; alpha is not used.
        seed: of weights and batches. Sets Keras' global seed.
        report: called with each epoch's row.

    Returns:
        A model from images in [0, 1] to reconstructions.

    Raises:
        InputError: if the loss is not finite.
        ValueError: if the layer's output cannot be decoded.

    Reference:
        [IDA21] Sec. 2.
    """
    part_seed = seed_part(seed, "decoder")
    ref_ae = build_ref_ae(encoder, _build_decoder(encoder, config))
    graph = keras.Model(ref_ae.input, {"reconstruction": ref_ae.output})
    targets = {"reconstruction": images}
    _fit(graph, images, targets, {"reconstruction": 1.0}, config, part_seed, report)
    return ref_ae


def _build_decoder(encoder: keras.Model, config: DecodingConfig) -> keras.Model:
    return build_decoder(
        encoder.output_shape[1:],
        encoder.input_shape[1:],
        filters=config.decoder_filters,
    )


def _fit(
    graph: keras.Model,
    inputs: Any,
    targets: Mapping[str, Any],
    weights: dict[str, float],
    config: DecodingConfig,
    seed: int,
    report: Report,
    judges: Iterable[keras.Model] = (),
) -> None:
    """Fits the graph; an epoch is one pass, rounded up to equal executions.

    `judges` are models that the graph calls in a function, so that it does not list
    their layers.
    """
    batch_size = min(config.batch_size, len(inputs))
    num_steps = -(-len(inputs) // batch_size)
    num_executions = -(-num_steps // STEPS_PER_EXECUTION)
    steps_per_execution = -(-num_steps // num_executions)
    num_steps = num_executions * steps_per_execution
    batches = draw_batches(
        len(inputs), batch_size, config.epochs * num_steps, seed=(seed,)
    )
    graph.compile(
        FusedAdam(config.learning_rate),
        loss={name: LOSSES[name] for name in targets},
        loss_weights=weights,
        steps_per_execution=steps_per_execution,
    )
    with (
        gather_batches(inputs, targets, batches) as dataset,
        fast_layers(graph, *judges),
    ):
        graph.fit(
            dataset,
            epochs=config.epochs,
            steps_per_epoch=num_steps,
            callbacks=[_Epoch(config, report)],
            shuffle=False,
            verbose=0,
        )


class _Epoch(keras.callbacks.Callback):
    """Passes each epoch's losses on and stops at one that is not finite."""

    def __init__(self, config: DecodingConfig, report: Report) -> None:
        super().__init__()
        self.config, self.report = config, report

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not np.isfinite(logs["loss"]):
            raise InputError(
                f"The loss became {logs['loss']} in epoch {epoch + 1}; expected a "
                "finite number. Lower the learning rate. "
                f"Received: learning_rate={self.config.learning_rate}"
            )
        self.report({"epoch": epoch + 1, **logs})
