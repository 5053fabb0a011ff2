"""What a comparison starts from: the classifier, the images, and how many of them."""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_xai.analyzers.innvestigate import check_installed
from keras_xai.analyzers.methods import AnalyzerSpec, select_methods
from keras_xai.analyzers.network import extract_network
from keras_xai.comparison.faithfulness import Faithfulness, nearest_level
from keras_xai.comparison.options import Options
from keras_xai.comparison.samples import Data, Sample, read_sample
from keras_xai.comparison.subjects import (
    ImageShape,
    Subject,
    load_user_model,
    open_joint_run,
    open_model,
)
from keras_xai.datasets.class_names import find_target, match_classes
from keras_xai.datasets.gather import scale_images
from keras_xai.datasets.hashing import hash_arrays
from keras_xai.datasets.read import is_voc
from keras_xai.errors import InputError
from keras_xai.evaluation.fills import Fill
from keras_xai.training.precision import only_cpu_multiplies_bfloat16
from keras_xai.training.validation import TARGET_MARGIN

# By default 5 images of 224×224 or 23 of 112×112 are taken apart, and 3 or 15 are
# explained by the random classifier too.
FAITHFULNESS_PIXELS = 300_000
SANITY_PIXELS = 200_000
GRID_PATCHES = (4, 8, 16, 32)  # of Rio-Torto et al. 2020
GRID_FILLS: tuple[Fill, ...] = ("black", "white", "grey", "blur", "uniform")


class Case(NamedTuple):
    """What a comparison starts from.

    Attributes:
        options: the choices.
        subject: the classifier, and its joint model if there is one.
        sample: the images.
        specs: the analyzers, by name.
        classes: `(num_images,)` the class that is explained and followed in each image:
            the classifier's own answer.
        background: the constant fill nearest to the images' background.
        faithfulness: how images are taken apart.
        num_sanity_images: of the first images, how many the random classifier explains.
        activations: of the network that the analyzers explain.
    """

    options: Options
    subject: Subject
    sample: Sample
    specs: dict[str, AnalyzerSpec]
    classes: np.ndarray
    background: Fill
    faithfulness: Faithfulness
    num_sanity_images: int
    activations: list[str]

    @property
    def class_names(self) -> tuple[str, ...]:
        """One a class."""
        return self.subject.class_names or self.sample.split.class_names


def open_case(run: Path, data: Data, options: Options) -> Case:
    """Reads all that a comparison needs; nothing is written.

    Args:
        run: a folder of `train`, or a classifier's .keras file.
        data: see `read_sample`.
        options: the choices.

    Raises:
        InputError: if something is missing, broken, or does not fit together.
    """
    specs = select_methods(options.methods)
    if specs:
        _check_installed()
        if options.precision == "bfloat16" and not only_cpu_multiplies_bfloat16():
            raise InputError(
                "Invalid value for `precision`. Expected float32: bfloat16 is for a "
                "processor that has instructions for it, without a GPU. "
                f"Received: precision={options.precision}"
            )
    _check_options(run, options)
    if run.is_dir():
        subject = open_joint_run(run, options.classifier)
        names = subject.class_names
        shape = subject.classifier.input_shape[1:]
        target = options.target
        if target is None and isinstance(data, Path) and is_voc(data):
            target = find_target(names or ())
        sample = _read(data, shape, options, target=target)
    else:
        model, shape = load_user_model(run)
        sample = _read(data, shape, options, target=options.target)
        subject = open_model(
            model,
            sample.split,
            input_range=options.input_range,
            from_logits=options.from_logits,
        )
        names = options.class_names
    num_classes = subject.classifier.output_shape[-1]
    sample = sample._replace(
        split=match_classes(sample.split, num_classes, names),
        train=match_classes(sample.train, num_classes, names),
    )
    activations: list[str] = []
    if specs:  # or it says which layer it does not know
        activations = extract_network(subject.classifier).activations
    split = sample.split
    background = nearest_level(split.images)
    fill = options.fill or background
    height, width, _ = split.image_shape

    def count(wanted: int | None, num_pixels: int) -> int:
        default = max(1, num_pixels // (height * width))
        return min(split.num_images, wanted or default)

    return Case(
        options=options,
        subject=subject,
        sample=sample,
        specs=specs,
        classes=predict(subject.classifier, split.images, options.batch_size).argmax(
            axis=-1
        ),
        background=background,
        faithfulness=Faithfulness(
            count(options.faithfulness_images, FAITHFULNESS_PIXELS),
            GRID_PATCHES if options.faithfulness_grid else (options.patch_size,),
            GRID_FILLS if options.faithfulness_grid else (fill,),
            options.num_steps,
        ),
        num_sanity_images=count(options.sanity_images, SANITY_PIXELS),
        activations=activations,
    )


def predict(classifier: keras.Model, images: np.ndarray, batch_size: int) -> np.ndarray:
    """Predicts the probabilities of stored images, `(num_images, num_classes)`."""
    return np.concatenate(
        [
            classifier.predict_on_batch(scale_images(images[i : i + batch_size]))
            for i in range(0, len(images), batch_size)
        ]
    )


def describe(case: Case) -> dict[str, Any]:
    """Lists what the numbers depend on, as `json.dump` can write it.

    The classifier and the images are there by their hash, so that a comparison is
    known again wherever they are. Which methods are compared, and how much time and
    memory they may take, is not there: asking for more goes on with the comparison.
    """
    options, split, how = case.options, case.sample.split, case.faithfulness
    models = (case.subject.classifier, case.subject.joint, case.subject.unmasked)
    weights = [w for model in models if model is not None for w in model.get_weights()]
    return {
        "classifier": options.classifier,
        "seed": options.seed,
        "num_images": split.num_images,
        "num_available": case.sample.num_available,
        "image_size": split.image_shape[:2],
        "num_samples": options.num_samples,
        "precision": options.precision,
        "tolerance": options.tolerance,
        "target_margin": find_margin(options),
        "faithfulness_images": how.num_images,
        "patch_sizes": how.patch_sizes,
        "fills": how.fills,
        "num_steps": how.num_steps,
        "sanity_images": case.num_sanity_images,
        "leak_steps": options.leak_steps,
        "input_range": options.input_range,
        "from_logits": options.from_logits,
        "class_names": case.class_names,
        "classifier_hash": hash_arrays(weights),
        "images_hash": hash_arrays([split.images, split.labels]),
        "annotations_hash": _hash_annotations(case.sample),
    }


def _hash_annotations(sample: Sample) -> str:
    """Hashes where the targets are: what is known of it may be corrected."""
    regions = [region for region in (sample.targets, sample.boxes) if region]
    return hash_arrays(
        region.draw(np.array([i])) for region in regions for i in region.images
    )


def _read(
    data: Data, shape: ImageShape, options: Options, target: str | None
) -> Sample:
    return read_sample(
        data,
        shape,
        target=target,
        num_images=options.num_images,
        target_margin=find_margin(options),
        seed=options.seed,
    )


def find_margin(options: Options) -> int:
    """Returns how many pixels the targets' masks are grown by."""
    return TARGET_MARGIN if options.target_margin is None else options.target_margin


def _check_options(run: Path, options: Options) -> None:
    """Refuses a run that is not there, and options that would have no effect."""
    if not run.exists():
        raise InputError(
            f"{run} does not exist; expected a folder of `train` or a .keras file."
        )
    is_run, defaults = run.is_dir(), Options()
    for name in (
        ("input_range", "from_logits", "class_names") if is_run else ("classifier",)
    ):
        value = getattr(options, name)
        if value != getattr(defaults, name):
            raise InputError(
                f"Invalid value for `{name}`. It is for "
                f"{'a .keras file' if is_run else 'a run of `train`'}, and {run} is "
                f"none. Received: {name}={value}"
            )
    for name in ("patch_size", "fill") if options.faithfulness_grid else ():
        value = getattr(options, name)
        if value != getattr(defaults, name):
            raise InputError(
                f"Invalid value for `{name}`. Expected none beside "
                f"`faithfulness_grid`, which has all. Received: {name}={value}"
            )


def _check_installed() -> None:
    try:
        check_installed()
    except InputError as error:
        raise InputError(f"{error}; or compare without it: --methods none") from None
