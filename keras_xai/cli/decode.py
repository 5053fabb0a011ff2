"""Decode a layer of your own classifier: what does it still know of an image?"""

import argparse
from pathlib import Path

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
from keras_xai.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="classifier saved as .keras"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    parser.add_argument("--layer", required=True, help="name of the layer to decode")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder of idx files (scaled to the model's size), of TinyImageNet, of "
        "one folder of images a class, or in VOC layout, whose classes are without and "
        "with the target; or an .npz file",
    )
    parser.add_argument(
        "--target", help="class to find in a VOC folder, instead of the manifest's"
    )
    parser.add_argument(
        "--resize", action="store_true", help="scale image files to the model's size"
    )
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.0,
        help="weight of the classification loss in [0, 1]; 0 reconstructs only",
    )
    parser.add_argument(
        "--no-ref-ae", action="store_true", help="do not train RefAE beside it"
    )
    parser.add_argument(
        "--units",
        type=_parse_units,
        metavar="0,3,8-15",
        help="units, or channels, of the layer to keep; the others become zero",
    )
    parser.add_argument(
        "--other",
        type=Path,
        metavar="MODEL",
        help="second classifier, such as a fine-tuned one: decode its layer too",
    )
    parser.add_argument(
        "--epochs", type=int, default=16, help="of each training; the paper's are 64"
    )
    parser.add_argument("--batch-size", type=int, default=128, help="images a step")
    parser.add_argument(
        "--learning-rate", type=float, default=1e-3, help="Adam's, of each training"
    )
    add_input_format(parser)
    add_class_names(parser, "those of the data, in their order")
    add_custom_objects(parser)
    parser.add_argument(
        "--constant",
        type=_parse_constant,
        action="append",
        default=[],
        metavar="INPUT=VALUE",
        help="fills an input that is not the image; may be repeated",
    )
    add_seed(parser)
    add_precision(parser)


def run(args: argparse.Namespace) -> str:
    """Decodes and returns where the result is."""
    check_seed(args.seed)
    import_tensorflow()
    register_custom_objects(args)

    import keras
    import tensorflow as tf

    from keras_xai.cli.progress import progress_bar
    from keras_xai.datasets.class_names import match_classes
    from keras_xai.datasets.classification import is_idx_set
    from keras_xai.datasets.read import read_splits
    from keras_xai.decoding import decode_layer, open_classifier
    from keras_xai.models.image_classifier import find_image_input
    from keras_xai.models.taps import build_encoder
    from keras_xai.report.report import write_report
    from keras_xai.saved_models import load_model
    from keras_xai.training.decoding_config import DecodingConfig
    from keras_xai.training.precision import resolve_precision

    tf.get_logger().setLevel("ERROR")  # every model's predictions are worth a note
    config = DecodingConfig(
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        alpha=args.alpha,
    )
    policy = resolve_precision(args.precision)
    keras.config.set_dtype_policy(policy)
    paths = {"cladec": args.model}
    if args.other is not None:
        paths["other"] = args.other
    models = {method: load_model(path) for method, path in paths.items()}
    constants = dict(args.constant)
    for method, path in paths.items():  # before the images are read
        try:
            shape = find_image_input(models[method], constants)[1]
            build_encoder(models[method], args.layer)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error
        if method == "cladec":
            height, width, num_channels = shape
    size = None  # the files' own
    if height and width and (args.resize or is_idx_set(args.data)):
        size = (height, width)
    elif args.resize:
        raise InputError(
            f"Invalid value for `--resize`. {args.model} takes images of any size, so "
            "there is none to scale them to; expected images that are alike."
        )
    train, test = read_splits(
        args.data, target=args.target, size=size, num_channels=num_channels
    )
    if height and width and train.image_shape[:2] != (height, width):
        raise InputError(
            f"{args.data} has images of height and width {train.image_shape[:2]}; "
            f"expected {(height, width)}, as {args.model} takes them, or --resize."
        )
    classifiers = {
        method: open_classifier(
            model,
            train,
            input_range=tuple(args.input_range),
            constants=constants,
            from_logits=args.logits,
        )
        for method, model in models.items()
    }
    for classifier in classifiers.values():
        num_classes = classifier.output_shape[-1]
        train = match_classes(train, num_classes, args.class_names)
        test = match_classes(test, num_classes, args.class_names)

    trainings = [*([] if args.no_ref_ae else ["ref_ae"]), *classifiers]
    total = len(trainings) * args.epochs
    with progress_bar("epochs", total, quiet=args.quiet) as report:
        decode_layer(
            classifiers,
            args.layer,
            train,
            test,
            config,
            args.out,
            seed=args.seed,
            units=args.units,
            ref_ae=not args.no_ref_ae,
            settings={
                "model": str(args.model),
                "other": None if args.other is None else str(args.other),
                "data": str(args.data),
                "target": args.target,
                "precision": policy,
                "input_range": list(args.input_range),
                "constants": constants,
                "logits": args.logits,
                "output_names": args.class_names,
                "custom_objects": args.custom_objects and str(args.custom_objects),
                "resize": args.resize,
            },
            report=lambda method, row: report(
                trainings.index(method) * args.epochs + row["epoch"]
            ),
            finish=lambda folder: write_report([folder], folder / "report.html"),
        )
    return str(args.out)


def _parse_units(text: str) -> tuple[int, ...]:
    units: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            units += range(int(first), int(last if dash else first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected numbers and ranges such as 0,3,8-15; received {text!r}"
        ) from None
    return tuple(units)


def _parse_constant(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected an input's name and a number, such as angle=0; received {text!r}"
        ) from None
