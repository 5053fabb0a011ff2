"""Trains the joint model, stage by stage, epoch by epoch, resumable after each."""

import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_xai.datasets.batches import (
    draw_batches,
    draw_symmetries,
    training_batches,
)
from keras_xai.datasets.hashing import hash_splits
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError
from keras_xai.models.classifier import build_classifier
from keras_xai.models.explainer import build_explainer
from keras_xai.models.joint import build_joint
from keras_xai.models.masking import SUFFIX
from keras_xai.models.taps import layer_names
from keras_xai.training import runs
from keras_xai.training.config import (
    JointConfig,
    Stage,
    config_from_dict,
    config_to_dict,
)
from keras_xai.training.epoch_callback import EpochCallback
from keras_xai.training.fast_layers import fast_layers
from keras_xai.training.precision import Precision, resolve_precision
from keras_xai.training.stages import (
    compile_stage,
    copy_features,
    list_frozen,
    thaw,
)
from keras_xai.training.validation import ValidationRegions, evaluate


def build_from_config(
    config: JointConfig,
    image_shape: tuple[int, int, int],
    num_classes: int,
    classifier: keras.Model | None = None,
) -> keras.Model:
    """Builds the joint model that a config describes.

    Args:
        config: the choices.
        image_shape: `(height, width, channels)`.
        num_classes: number of classes.
        classifier: a model from `insert_mask`, instead of the one described.

    Returns:
        A fresh model as from `build_joint`.
    """
    explainer = build_explainer(
        image_shape,
        filters=config.explainer_filters,
        init_bias=config.init_bias,
        init_gain=config.init_gain,
        batch_norm_momentum=config.batch_norm_momentum,
        mask_activation=config.mask_activation,
        upsampling=config.upsampling,
        kernel_initializer=config.kernel_initializer,
        mask_kernel_initializer=config.mask_kernel_initializer,
    )
    classifier = classifier or build_classifier(
        image_shape,
        num_classes,
        filters=config.classifier_filters,
        mask_pooling=config.mask_pooling,
        dense_units=config.dense_units,
        dense_activation=config.dense_activation,
        dropout=config.dropout,
        kernel_initializer=config.kernel_initializer,
    )
    return build_joint(explainer, classifier, scale=config.scale, offset=config.offset)


def train_joint(
    config: JointConfig,
    train: Split,
    validation: Split,
    run_dir: Path,
    *,
    seed: int,
    precision: Precision = "float32",
    start_from: Path | None = None,
    classifier: keras.Model | None = None,
    settings: Mapping[str, Any] | None = None,
    callbacks: Callable[[str], Sequence[keras.callbacks.Callback]] = lambda stage: (),
    report: Callable[[runs.LogRow], None] = lambda row: None,
) -> keras.Model:
    """Trains through all stages and leaves everything in the run folder.

    Killed at any moment, the same call goes on after the last finished epoch and ends
    with the numbers of an unbroken run: batches and dropout are drawn from
    `(seed, stage, epoch)` alone, and `state.npz` holds the rest.

    The folder receives config.json, environment.json, log.csv (one row an epoch), the
    weights at the end of each stage, and at the end model.keras.

    Args:
        config: the choices.
        train: images to learn from.
        validation: images to evaluate after each epoch.
        run_dir: the run folder.
        seed: of weights, batches and dropout. Sets Keras' global seed.
        precision: see `resolve_precision`. Sets Keras' global dtype policy.
        start_from: folder of a finished run with the same seed whose stages are the
            first of these; they are taken over instead of trained again.
        classifier: a model from `insert_mask` to train instead of a fresh one, by a
            config from `for_own_classifier`.
        settings: more to keep in config.json, such as how the classifier was opened; a
            run with others is another.
        callbacks: from a stage's name to what goes to its `fit`; at the end of an epoch
            they see the numbers of its log row.
        report: called with each new log row.

    Returns:
        The trained joint model.

    Raises:
        InputError: if the folder holds another run, the two splits' images differ in
            shape or do not fit the number of stages, the classifier has other classes,
            a loss needs annotations that are not there, a warm start finds other
            filters than its own, or a loss is not finite.

    Reference:
        [IbPRIA19] Sec. 2.1, 2.3.
    """
    _check(config, train, validation, classifier)
    policy = resolve_precision(precision)
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(seed)
    try:
        model = build_from_config(
            config, train.image_shape, len(train.class_names), classifier
        )
    except ValueError as error:  # sizes and options that the builders refuse
        raise InputError(str(error)) from error
    since = {"data_hash": hash_splits((train, validation)), **(settings or {})}
    described = {
        "config": config_to_dict(config),
        "seed": seed,
        "precision": policy,
        "image_shape": list(train.image_shape),
        "class_names": list(train.class_names),
        "num_train": train.num_images,
        "num_validation": validation.num_images,
    }
    if classifier is not None:
        described["classifier"] = _describe(classifier)
    runs.open_run(run_dir, described | since, complete=partial(_complete, since))

    finished = run_dir / "model.keras"
    if finished.exists():
        return keras.models.load_model(finished)
    runs.note_environment(run_dir)

    height, width, _ = train.image_shape
    first_stage, first_epoch, rows = _restore(run_dir, model, config, start_from)
    regions = ValidationRegions.from_split(validation)
    frozen = list_frozen(model)
    for index in range(first_stage, len(config.stages)):
        stage = config.stages[index]
        initial_epoch = first_epoch if index == first_stage else 0
        if initial_epoch < stage.epochs:
            if stage.warm_start and not initial_epoch:
                copy_features(
                    model.get_layer("classifier"), model.get_layer("explainer")
                )
            graph, l1_price = compile_stage(model, config, stage, frozen)
            if initial_epoch:
                runs.load_state(run_dir, model, graph.optimizer)
            start = initial_epoch * stage.steps_per_epoch
            draws = [d[start:] for d in _draw(config, stage, train, (seed, index))]
            epoch_callback = EpochCallback(
                joint=model,
                stage=stage,
                l1_price=l1_price,
                l1_weight=partial(config.l1_weight, stage, num_pixels=height * width),
                seed=(seed, index),
                evaluate=partial(evaluate, graph, validation, regions),
                save=partial(_save, run_dir, model, graph, rows),
                report=report,
            )
            masks = sorted(set(graph.output) - {"probs"})
            with (
                training_batches(train, *draws, mask_outputs=masks) as dataset,
                fast_layers(graph),
            ):
                graph.fit(
                    dataset,
                    initial_epoch=initial_epoch,
                    epochs=stage.epochs,
                    steps_per_epoch=stage.steps_per_epoch,
                    callbacks=[epoch_callback, *callbacks(stage.name)],
                    shuffle=False,
                    verbose=0,
                )
        model.save_weights(run_dir / f"{stage.name}.weights.h5")

    thaw(model, frozen)
    temporary = run_dir / "model.tmp.keras"
    keras.Model(model.input, model.output, name="joint").save(temporary)  # uncompiled
    temporary.rename(finished)
    (run_dir / "state.npz").unlink(missing_ok=True)
    return model


def _complete(since: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Gives an older run what it lacks: options' defaults, and settings kept `since`.

    It cannot be told of what data it was; those of today are taken for it.
    """
    if "config" not in found:
        return found
    config = config_from_dict(found["config"])
    return since | found | {"config": config_to_dict(config)}


def _describe(classifier: keras.Model) -> dict[str, Any]:
    """Tells one classifier from another: where its mask goes, and its weights."""
    checksum = 0
    for weight in classifier.get_weights():
        checksum = zlib.crc32(weight.tobytes(), checksum)
    masked = [name for name in layer_names(classifier) if name.endswith(SUFFIX)]
    return {"masked": masked, "weights_crc32": checksum}


def _check(
    config: JointConfig,
    train: Split,
    validation: Split,
    classifier: keras.Model | None,
) -> None:
    """Refuses what would fail in the middle of a training."""
    if validation.image_shape != train.image_shape:
        raise InputError(
            f"The validation images have the shape {validation.image_shape}; expected "
            f"{train.image_shape}, as the training images."
        )
    if classifier is not None and isinstance(classifier.output, dict):
        raise InputError(
            "Invalid value for `classifier`. Expected a model from `insert_mask`. "
            f"Received: one with the outputs {', '.join(classifier.output)}"
        )
    if classifier is not None and any(stage.warm_start for stage in config.stages):
        raise InputError(
            "A classifier of one's own has no features for a warm start; expected a "
            "config from `for_own_classifier`."
        )
    if classifier is not None and classifier.output_shape[-1] != len(train.class_names):
        raise InputError(
            f"The data have {len(train.class_names)} classes; expected "
            f"{classifier.output_shape[-1]}, as the classifier: see `match_classes`."
        )
    filters = config.classifier_filters[: len(config.explainer_filters)]
    if classifier is None and filters != config.explainer_filters:
        for stage in config.stages:
            if stage.warm_start:
                raise InputError(
                    f"`warm_start` in stage '{stage.name}' needs an explainer with the "
                    f"classifier's filters, {filters}. "
                    f"Received: explainer_filters={config.explainer_filters}"
                )
    needed = {"outside_boxes": train.target_boxes, "supervised": train.object_maps}
    for stage in config.stages:
        for name in stage.mask_losses:
            if name in needed and needed[name] is None:
                raise InputError(
                    f"`{name}` in stage '{stage.name}' needs annotated images; "
                    "expected a VOC folder with Annotations."
                )


def _restore(
    run_dir: Path, model: keras.Model, config: JointConfig, start_from: Path | None
) -> tuple[int, int, list[runs.LogRow]]:
    """Returns the stage's index, its finished epochs and the log to go on from."""
    names = [stage.name for stage in config.stages]
    progress = runs.load_progress(run_dir)
    if progress is not None:
        runs.load_state(run_dir, model)
        index, epoch = names.index(progress["stage"]), progress["epoch"]
        num_finished = sum(stage.epochs for stage in config.stages[:index]) + epoch
        return index, epoch, runs.read_log(run_dir)[:num_finished]
    if start_from is not None:
        rows = runs.read_log(start_from)
        last = rows[-1]["stage"]
        for name in names[: names.index(last) + 1]:
            shutil.copy(start_from / f"{name}.weights.h5", run_dir)
        model.load_weights(run_dir / f"{last}.weights.h5")
        return names.index(last) + 1, 0, rows
    return 0, 0, []


def _draw(
    config: JointConfig, stage: Stage, split: Split, seed: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the images of a stage's batches, and how each is turned."""
    batches = draw_batches(
        split.num_images,
        stage.batch_size,
        stage.epochs * stage.steps_per_epoch,
        seed=(*seed, 0),
    )
    if not config.augmentation:
        return batches, np.zeros_like(batches)
    height, width, _ = split.image_shape
    return batches, draw_symmetries(batches, square=height == width, seed=(*seed, 1))


def _save(
    run_dir: Path,
    model: keras.Model,
    graph: keras.Model,
    rows: list[runs.LogRow],
    row: runs.LogRow,
) -> None:
    rows.append(row)
    runs.write_log(run_dir, rows)
    progress = {"stage": row["stage"], "epoch": row["epoch"]}
    runs.save_state(run_dir, model, graph.optimizer, progress)
