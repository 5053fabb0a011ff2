"""Train the joint model: an explainer and a classifier, in three stages."""

import argparse
import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from keras_xai.cli.arguments import (
    add_class_names,
    add_custom_objects,
    add_input_format,
    add_precision,
    add_seed,
    check_seed,
    register_custom_objects,
)
from keras_xai.cli.quiet import import_tensorflow
from keras_xai.cli.recipe import load_config
from keras_xai.errors import InputError
from keras_xai.recipes import PROFILES, RECIPES
from keras_xai.training.config import (
    JointConfig,
    for_own_classifier,
    scale_l1,
    with_l1,
    with_mask_losses,
)

if TYPE_CHECKING:
    import keras

    from keras_xai.datasets.split import Split

MASK_LOSSES = {
    "total_variation": "weight, beside the cross-entropy's 1, of the mask's total "
    "variation, a mean over pixels",
    "outside_boxes": "weight, likewise, of the mask's mean outside the targets' boxes",
    "supervised": "weight, likewise, of the mask's cross-entropy with the annotated "
    "target",
}
OF_A_CLASSIFIER = (  # which --model replaces
    "scale",
    "offset",
    "classifier_filters",
    "dense_units",
    "dense_activation",
    "dropout",
)
OPTIONS = [field.name for field in dataclasses.fields(JointConfig)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="folder in VOC layout, with one folder of images a class (every fifth "
        "image is for validation, unless there are train/ and val/, or test/ without "
        "val/), or an .npz file",
    )
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="folder for weights and log; given again, an unfinished run goes on",
    )
    parser.add_argument(
        "--recipe",
        default="joint",
        help=f"one of {', '.join(RECIPES)}, or a JSON file of options; joint is for "
        "line drawings, joint-photographs for photographs",
    )
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        help="how long a recipe of ours trains (default: paper)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="change one option of the recipe, in JSON or a bare word; may be "
        f"repeated: {', '.join(OPTIONS)}",
    )
    price = parser.add_mutually_exclusive_group()
    price.add_argument(
        "--l1",
        type=float,
        help="price of the mask in every stage, instead of the recipe's; where that "
        "rises over epochs, this rises from 0. It is that of a white pixel in "
        "joint-2019, of a white mask in the others, in units of cross-entropy",
    )
    price.add_argument(
        "--l1-factor",
        type=float,
        metavar="FACTOR",
        help="multiply the recipe's prices of the mask: 4 where targets have a quarter "
        "of their share of the image in the recipe's own 112x112, as on 224x224",
    )
    for option, meaning in MASK_LOSSES.items():
        parser.add_argument(
            f"--{option.replace('_', '-')}", type=float, metavar="W", help=meaning
        )
    parser.add_argument("--target", help="class to find, instead of the manifest's")
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="resize images, boxes and masks to this (default: the files' own, or that "
        "of --model)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="MODEL",
        help="your own classifier, saved as .keras, instead of the recipe's; it is "
        "trained on in stages 1 and 3 with the recipe's learning rates, but for layers "
        "that were frozen before it was saved, and the explainer starts from scratch; "
        "the recipe's flips and quarter turns of images "
        "are off unless --set augmentation=true",
    )
    parser.add_argument(
        "--at",
        nargs="+",
        default=[],
        metavar="LAYER",
        help="layers of --model whose outputs are multiplied by the mask",
    )
    add_input_format(parser)
    add_class_names(parser, "those of the data, in their order")
    add_custom_objects(parser)
    add_seed(parser)
    add_precision(parser)
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="also write TensorBoard logs"
    )


def run(args: argparse.Namespace) -> str:
    """Trains and returns where the run is."""
    check_seed(args.seed)
    if args.size and min(args.size) < 1:
        raise InputError(
            "Invalid value for `--size`. Expected a height and a width of at least 1. "
            f"Received: size={args.size[0]} {args.size[1]}"
        )
    config = _resolve_config(args)
    import_tensorflow()
    register_custom_objects(args)

    import tensorflow as tf

    from keras_xai.cli.progress import epoch_lines
    from keras_xai.comparison.subjects import load_user_model
    from keras_xai.datasets.class_names import match_classes
    from keras_xai.datasets.read import read_splits
    from keras_xai.training.joint import train_joint

    tf.get_logger().setLevel("ERROR")  # every size of a last batch is worth a note
    model, num_channels = None, 3
    size = tuple(args.size) if args.size else None
    if args.model is None:
        _refuse_options_of_a_model(args)
    else:
        model, (height, width, num_channels) = load_user_model(args.model)
        _check_layers(args, model)
        if size is None and height and width:
            size = (height, width)
    train, validation = read_splits(
        args.data, target=args.target, size=size, num_channels=num_channels
    )
    classifier, settings = None, {}
    if model is not None:
        classifier = _open_classifier(args, model, config, train)
        num_classes = classifier.output_shape[-1]
        train = match_classes(train, num_classes, args.class_names)
        validation = match_classes(validation, num_classes, args.class_names)
        names = ("at", "input_range", "logits")
        settings = {name: getattr(args, name) for name in names}
        settings["output_names"] = args.class_names
    if args.tensorboard is not None:
        _check_tensorboard()
    with epoch_lines(config, quiet=args.quiet) as report:
        train_joint(
            config,
            train,
            validation,
            args.run,
            seed=args.seed,
            precision=args.precision,
            classifier=classifier,
            settings=settings,
            callbacks=partial(_list_callbacks, args.tensorboard),
            report=report,
        )
    return str(args.run)


def _resolve_config(args: argparse.Namespace) -> JointConfig:
    """Applies the options to the recipe."""
    config = load_config(args.recipe, args.profile, args.set)
    if args.model is not None:
        _refuse_options_of_a_recipe(args)
        asked = config.augmentation if _asks_for_augmentation(args) else False
        config = dataclasses.replace(for_own_classifier(config), augmentation=asked)
    if args.l1 is not None:
        config = with_l1(config, args.l1)
    if args.l1_factor is not None:
        config = scale_l1(config, args.l1_factor)
    weights = {name: getattr(args, name) for name in MASK_LOSSES}
    return with_mask_losses(
        config, **{name: w for name, w in weights.items() if w is not None}
    )


def _asks_for_augmentation(args: argparse.Namespace) -> bool:
    """Whether the user has decided on it, by an option or in a recipe's file."""
    options = [option.partition("=")[0].strip() for option in args.set]
    return args.recipe not in RECIPES or "augmentation" in options


def _refuse_options_of_a_recipe(args: argparse.Namespace) -> None:
    for option in args.set:
        name = option.partition("=")[0].strip()
        if name in OF_A_CLASSIFIER:
            raise InputError(
                f"Invalid value for `--set`. {name} is of the recipe's own classifier; "
                "expected none beside --model, which has what it needs in it. "
                f"Received: {option}"
            )


def _check_layers(args: argparse.Namespace, model: "keras.Model") -> None:
    """Refuses a layer that is not there before the data are read."""
    from keras_xai.models.masking import check_layers

    try:
        check_layers(model, args.at)
    except ValueError as error:
        raise InputError(f"{args.model}: {error}") from error


def _refuse_options_of_a_model(args: argparse.Namespace) -> None:
    given = {
        "--at": bool(args.at),
        "--input-range": tuple(args.input_range) != (0.0, 1.0),
        "--logits": args.logits,
        "--class-names": args.class_names is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise InputError(f"{option} is for a classifier of your own; add --model.")


def _open_classifier(
    args: argparse.Namespace,
    model: "keras.Model",
    config: JointConfig,
    train: "Split",
) -> "keras.Model":
    """Inserts the mask into the user's classifier."""
    from keras_xai.decoding import open_classifier
    from keras_xai.models.masking import insert_mask

    classifier = open_classifier(
        model,
        train,
        input_range=tuple(args.input_range),
        from_logits=args.logits,
    )
    try:
        return insert_mask(classifier, args.at, mask_pooling=config.mask_pooling)
    except ValueError as error:
        raise InputError(f"{args.model}: {error}") from error


def _check_tensorboard() -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise InputError(
            "--tensorboard needs the tensorboard package: "
            "pip install 'keras_xai[tensorboard]'"
        ) from None


def _list_callbacks(log_dir: Path | None, stage: str) -> list:
    """Logs each stage into a folder of its own: all count epochs from 0."""
    if log_dir is None:
        return []
    import keras

    return [keras.callbacks.TensorBoard(log_dir / stage)]
