"""The experiments of the second paper, as cells of a sweep."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_xai.datasets.classification import find_dataset, read_classification
from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.split import Split
from keras_xai.evaluation.reconstruction import squared_error
from keras_xai.models import resnet10, vgg5
from keras_xai.models.taps import build_encoder
from keras_xai.recipes import cladec as recipe
from keras_xai.sweeps import Cell
from keras_xai.training.codes import chunks, predict
from keras_xai.training.decoding import (
    fit_classifier,
    seed_part,
    train_cladec,
    train_ref_ae,
)
from keras_xai.training.decoding_config import DecodingConfig
from keras_xai.training.decoding_metrics import METRICS, measure_reconstructions
from keras_xai.training.runs import LogRow

ARCHITECTURES: dict[str, tuple[Callable[..., keras.Model], Mapping[int, str]]] = {
    "vgg5": (vgg5.build_vgg5, vgg5.PAPER_LAYERS),
    "resnet10": (resnet10.build_resnet10, resnet10.PAPER_LAYERS),
}
IMAGE_SHAPES = {
    "fashion-mnist": (32, 32, 1),  # Sec. 5: 28x28 "scaled to 32x32"
    "mnist": (32, 32, 1),
    "tiny-imagenet": (64, 64, 3),
}
NUM_IMAGES = {"smoke": (64, 32), "quick": (6000, 1000), "paper": (None, None)}
BRIEF_EPOCHS = 2
ALPHAS = (0.0, 0.9, 0.999, 1.0)  # of Eq. 1; Table 2 prints 1.0, .1, .001, .0
TABLE_1 = tuple(
    (layer, method, 0.0) for layer in (-1, -3, -5) for method in ("ref-ae", "cladec")
)
TABLE_2 = tuple((-2, "cladec", alpha) for alpha in ALPHAS)
NUM_EXAMPLES = 4  # misclassified images, and as many others, kept for the figures
NUM_BAGS, BAG = 8, 8  # of Fashion-MNIST, for Fig. 4

Setting = tuple[int, str, float]  # layer, method, alpha


def cells(profile: str) -> list[Cell]:
    """Lists every measurement of a profile, the most telling first.

    A cell is one training of a decoder and one of an evaluation classifier.

    Args:
        profile: one of `keras_xai.recipes.PROFILES`. `paper` has 2 epochs, for which
            five seeds are affordable without an accelerator, 16, and the paper's 64.

    Returns:
        Cells named `data_architecture_epochs_layer_method_seed`.
    """
    if profile != "paper":
        config = recipe.get_config(profile)
        return list(
            _sweep("fashion-mnist", "vgg5", config, profile, (0,), TABLE_1 + TABLE_2)
        )
    short, full = recipe.get_config("quick"), recipe.get_config("paper")
    brief = dataclasses.replace(short, epochs=BRIEF_EPOCHS)
    ends = tuple(setting for setting in TABLE_1 if setting[0] != -5)
    sweep = functools.partial(_sweep, profile=profile)
    return [
        *sweep(
            "fashion-mnist",
            "vgg5",
            brief,
            seeds=range(5),
            settings=TABLE_1 + TABLE_2,
        ),
        *sweep(
            "fashion-mnist",
            "vgg5",
            short,
            seeds=range(5),
            settings=TABLE_1 + TABLE_2,
        ),
        *sweep("fashion-mnist", "vgg5", full, seeds=(0,), settings=TABLE_1 + TABLE_2),
        *sweep("fashion-mnist", "resnet10", short, seeds=range(2), settings=ends),
        *sweep("mnist", "vgg5", short, seeds=range(2), settings=ends),
        *sweep("tiny-imagenet", "vgg5", short, seeds=range(2), settings=ends),
        *sweep(
            "fashion-mnist",
            "vgg5",
            full,
            seeds=range(1, 5),
            settings=TABLE_1 + TABLE_2,
        ),
    ]


def measure(cell: Cell, work_dir: Path, results_dir: Path) -> dict[str, Any]:
    """Trains one cell; the explained classifier is shared between cells of a seed.

    For seed 0 it also writes the cell's examples, an .npz: `images` and
    `reconstructions`, `(n, height, width, channels)` uint8, 255 being 1, and `groups`,
    how many of them are misclassified, correct, and bags, in this order.

    Args:
        cell: one of `cells`.
        work_dir: holds data/, the data sets; receives classifiers/.
        results_dir: for the examples.

    Returns:
        `test`, the mean of each of `METRICS`; `train_squared_error`;
        `evaluation_accuracy`, of a fresh classifier trained on the reconstructions of
        the training set and tested on those of the test set; `classifier_accuracy`, of
        the explained one on images; `mean_image_error`, what the mean training image
        would score; `log`, the loss of each epoch.
    """
    spec = cell.spec
    keras.utils.clear_session()
    keras.config.set_dtype_policy(spec["precision"])
    config = DecodingConfig(**spec["config"])
    train, test = _read_data(spec, work_dir)
    classifier = _load_or_train_classifier(spec, config, train, work_dir)
    encoder = build_encoder(classifier, spec["layer"])
    log: list[LogRow] = []
    options = {"seed": spec["seed"], "report": log.append}
    if spec["method"] == "ref-ae":
        autoencoder = train_ref_ae(encoder, train.images, config, **options)
    else:
        autoencoder = train_cladec(
            encoder,
            classifier,
            train.images,
            train.labels,
            config,
            spill_dir=work_dir,
            **options,
        )
    train_reconstructions = predict(autoencoder, train.images)
    test_reconstructions = predict(autoencoder, test.images)
    metrics = measure_reconstructions(encoder, classifier, test, test_reconstructions)
    probs = predict(classifier, test.images)
    if spec["seed"] == 0:
        groups = _choose_examples(spec["data"], test, probs.argmax(axis=1))
        chosen = np.concatenate(groups)
        np.savez_compressed(
            results_dir / f"{Path(cell.filename).stem}.npz",
            groups=[len(group) for group in groups],
            images=test.images[chosen],
            reconstructions=np.round(test_reconstructions[chosen] * 255).astype(
                np.uint8
            ),
        )
    return {
        "test": {name: round(float(metrics[name].mean()), 6) for name in METRICS},
        "train_squared_error": _mean_error(train.images, train_reconstructions),
        "evaluation_accuracy": _evaluate(
            spec, config, (train, train_reconstructions), (test, test_reconstructions)
        ),
        "classifier_accuracy": _accuracy(probs, test.labels),
        "mean_image_error": _mean_error(
            test.images, train.images.mean(axis=0, keepdims=True) / 255
        ),
        "log": [round(float(row["loss"]), 5) for row in log],
    }


def _sweep(
    data: str,
    architecture: str,
    config: DecodingConfig,
    profile: str,
    seeds: Iterable[int],
    settings: Iterable[Setting],
) -> Iterable[Cell]:
    num_train, num_test = NUM_IMAGES[profile]
    layers = ARCHITECTURES[architecture][1]
    for seed in seeds:
        for layer, method, alpha in settings:
            label = method if method == "ref-ae" else f"{method}-a{alpha:g}"
            yield Cell(
                f"{data}_{architecture}_e{config.epochs}_layer{layer}_{label}_seed{seed}",
                {
                    "data": data,
                    "num_train": num_train,
                    "num_test": num_test,
                    "architecture": architecture,
                    "layer": layers[layer],
                    "method": method,
                    "config": dataclasses.asdict(
                        dataclasses.replace(config, alpha=alpha)
                    ),
                    "seed": seed,
                    "precision": "mixed_bfloat16",
                },
            )


def _read_data(spec: Mapping[str, Any], work_dir: Path) -> tuple[Split, Split]:
    *size, num_channels = IMAGE_SHAPES[spec["data"]]
    splits = read_classification(
        find_dataset(spec["data"], work_dir / "data"),
        size=(size[0], size[1]),
        num_channels=num_channels,
    )
    train, test = map(_take, splits, (spec["num_train"], spec["num_test"]))
    return train, test


def _take(split: Split, num_images: int | None) -> Split:
    """Draws some images, always the same ones."""
    if num_images is None:
        return split
    kept = np.sort(np.random.default_rng(0).permutation(split.num_images)[:num_images])
    return split._replace(
        images=split.images[kept],
        labels=split.labels[kept],
        filenames=tuple(split.filenames[i] for i in kept),
    )


def _load_or_train_classifier(
    spec: Mapping[str, Any], config: DecodingConfig, train: Split, work_dir: Path
) -> keras.Model:
    kept = ("data", "num_train", "architecture", "seed", "precision")
    training = ("epochs", "batch_size", "learning_rate")  # alpha is the decoder's
    shared = Cell(
        "classifier",
        {key: spec[key] for key in kept}
        | {key: spec["config"][key] for key in training},
    )
    path = work_dir / "classifiers" / f"{Path(shared.filename).stem}.keras"
    if path.exists():
        return keras.models.load_model(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    classifier = _train_classifier(spec, config, train.images, train, part="classifier")
    temporary = path.with_suffix(".tmp.keras")
    classifier.save(temporary)
    os.replace(temporary, path)
    return classifier


def _evaluate(
    spec: Mapping[str, Any],
    config: DecodingConfig,
    train: tuple[Split, np.ndarray],
    test: tuple[Split, np.ndarray],
) -> float:
    """Trains on reconstructions and returns the accuracy on reconstructions."""
    evaluator = _train_classifier(spec, config, train[1], train[0], part="evaluation")
    return _accuracy(predict(evaluator, test[1]), test[0].labels)


def _train_classifier(
    spec: Mapping[str, Any],
    config: DecodingConfig,
    images: np.ndarray,
    split: Split,
    *,
    part: str,
) -> keras.Model:
    part_seed = seed_part(spec["seed"], part)
    build, _ = ARCHITECTURES[spec["architecture"]]
    classifier = build(split.image_shape, len(split.class_names))
    fit_classifier(classifier, images, split.labels, config, seed=part_seed)
    return classifier


def _choose_examples(
    data: str, test: Split, prediction: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the indices of the first misclassified, correct, and bag images."""
    is_right = prediction == test.labels
    is_bag = (test.labels == BAG) & (data == "fashion-mnist")
    return (
        np.flatnonzero(~is_right)[:NUM_EXAMPLES],
        np.flatnonzero(is_right)[:NUM_EXAMPLES],
        np.flatnonzero(is_bag)[:NUM_BAGS],
    )


def _accuracy(probs: np.ndarray, labels: np.ndarray) -> float:
    return round(float((probs.argmax(axis=1) == labels).mean()), 6)


def _mean_error(images: np.ndarray, reconstructions: np.ndarray) -> float:
    """Averages the squared error over images, a part of them at a time."""
    pairs = np.broadcast_to(reconstructions, images.shape)
    errors = [
        squared_error(scale_images(images[part]), pairs[part])
        for part in chunks(images)
    ]
    return round(float(np.concatenate(errors).mean()), 6)
