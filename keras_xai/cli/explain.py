"""Explain a run by its masks, or your own classifier by iNNvestigate and ClaDec."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_xai.analyzers.methods import METHODS
from keras_xai.cli.arguments import (
    INPUT_RANGE,
    add_class_names,
    add_classifier,
    add_custom_objects,
    add_input_format,
    add_run,
    register_custom_objects,
)
from keras_xai.cli.quiet import import_tensorflow
from keras_xai.errors import InputError

if TYPE_CHECKING:
    import keras

    from keras_xai.analyzers.methods import AnalyzerSpec
    from keras_xai.comparison.explaining import Progress
    from keras_xai.datasets.collection import Collection

CLADEC = "cladec"  # the method that no analyzer of iNNvestigate is
# Options that have an effect only with a model, a run, analyzers, or ClaDec.
OF_MODEL: dict[str, Any] = {
    "input_range": INPUT_RANGE,
    "logits": False,
    "class_names": None,
}
OF_RUN: dict[str, Any] = {"classifier": "alone"}
OF_ANALYZERS: dict[str, Any] = {"num_samples": 16, "seconds_per_method": 3600.0}
OF_CLADEC: dict[str, Any] = {"decoded": None}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    add_run(parser)
    parser.add_argument(
        "images",
        type=Path,
        metavar="IMAGES",
        help="folder of image files, of class folders, or in VOC layout; an image "
        "file, or an .npz file of images",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    parser.add_argument(
        "--batch-size", type=int, default=32, help="images in memory at a time"
    )
    methods = parser.add_argument_group("explanations of a classifier")
    methods.add_argument(
        "--method",
        "--methods",
        nargs="+",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help="analyzers, by iNNvestigate's names; of a run, they explain the "
        "classifier, beside the masks; and cladec, of a .keras file, which shows what "
        f"a layer of it still knows: {', '.join([*METHODS, CLADEC])}",
    )
    methods.add_argument(
        "--decoded",
        type=Path,
        default=OF_CLADEC["decoded"],
        help="folder of `decode` of the same model, for cladec",
    )
    methods.add_argument(
        "--num-samples",
        type=int,
        default=OF_ANALYZERS["num_samples"],
        help="inputs that SmoothGrad and integrated gradients average over",
    )
    methods.add_argument(
        "--seconds-per-method",
        type=float,
        default=OF_ANALYZERS["seconds_per_method"],
        help="an analyzer that takes longer fails",
    )
    add_classifier(methods)
    model = parser.add_argument_group("a classifier of your own")
    add_input_format(model)
    add_class_names(model, "class 0, class 1, …")
    add_custom_objects(model)


def run(args: argparse.Namespace) -> str:
    """Explains and returns where the result is."""
    names = tuple(dict.fromkeys(getattr(args, "method", ())))
    methods = _select_analyzers(names)
    _check_options(args, names)
    import_tensorflow()
    register_custom_objects(args)

    import tensorflow as tf

    from keras_xai.cli.progress import progress_bar
    from keras_xai.datasets.collection import open_images

    tf.get_logger().setLevel("ERROR")  # every size of a last batch is worth a note
    images = open_images(args.images)
    progress = partial(progress_bar, quiet=args.quiet)
    if names:
        _explain_with_methods(args, names, methods, images, progress)
    else:
        _explain_with_masks(args, images, args.out, progress)
    return str(args.out)


def _explain_with_masks(
    args: argparse.Namespace, images: "Collection", out: Path, progress: "Progress"
) -> None:
    from keras_xai.explanations import explain_images, load_joint

    joint, class_names = load_joint(args.run)
    with progress("images", len(images.filenames)) as report:
        explain_images(
            joint, class_names, images, out, batch_size=args.batch_size, report=report
        )


def _explain_with_methods(
    args: argparse.Namespace,
    names: tuple[str, ...],
    methods: "dict[str, AnalyzerSpec]",
    images: "Collection",
    progress: "Progress",
) -> None:
    """Explains a classifier; that of a run in a folder beside its masks."""
    from rich.console import Console

    from keras_xai.analyzers.innvestigate import check_installed
    from keras_xai.analyzers.network import extract_network
    from keras_xai.comparison.subjects import load_user_model, open_joint_run
    from keras_xai.decisions import explain_decisions, read_images
    from keras_xai.decoding import NUM_CHECKED
    from keras_xai.folders import new_folder
    from keras_xai.reconstructions import open_decoded
    from keras_xai.report.report import write_report

    if methods:
        check_installed()
    decoded = None
    with new_folder(args.out) as part:
        if args.run.is_dir():
            subject = open_joint_run(args.run, args.classifier)
            classifier, class_names = subject.classifier, subject.class_names or ()
            extract_network(classifier)  # or says which layer it does not know
            _explain_with_masks(args, images, part, progress)
            pixels = read_images(images, classifier.input_shape[1:], progress=progress)
            folder = part / "classifier"
        else:
            model, shape = load_user_model(args.run)
            first = images._replace(filenames=images.filenames[:NUM_CHECKED])
            some = read_images(first, shape)
            classifier, class_names = _open_model(args, model, some)
            if methods:
                extract_network(classifier)
            if CLADEC in names:
                opened = {"input_range": args.input_range, "logits": args.logits}
                decoded = open_decoded(args.decoded, classifier, some.shape[1:], opened)
            pixels = read_images(images, shape, progress=progress)
            folder = part
        failures = explain_decisions(
            classifier,
            class_names,
            pixels,
            images.filenames,
            methods,
            folder,
            decoded=decoded,
            batch_size=args.batch_size,
            num_samples=args.num_samples,
            seconds_per_method=args.seconds_per_method,
            settings=_describe(args, names),
            progress=progress,
        )
    console = Console(stderr=True, quiet=args.quiet, highlight=False, soft_wrap=True)
    for name, failure in failures.items():
        console.print(f"{name} failed: {failure.reason}", markup=False)
    write_report([args.out], args.out / "report.html")


def _select_analyzers(names: tuple[str, ...]) -> "dict[str, AnalyzerSpec]":
    from keras_xai.analyzers.methods import select_methods

    try:
        return select_methods([name for name in names if name != CLADEC])
    except InputError as error:
        raise InputError(f"{str(error).rstrip('.')}, {CLADEC}.") from None


def _describe(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """Lists what makes the folder again, as `json.dump` can write it."""
    options = [*OF_MODEL, *OF_RUN, *OF_ANALYZERS, "batch_size"]
    return {
        "model": str(args.run),
        "images": str(args.images),
        "method": list(names),
        "decoded": args.decoded and str(args.decoded),
        "custom_objects": args.custom_objects and str(args.custom_objects),
        **{name: getattr(args, name, None) for name in options},
    }


def _open_model(
    args: argparse.Namespace, model: "keras.Model", images: Any
) -> tuple["keras.Model", tuple[str, ...]]:
    """Turns a user's model into a classifier of images in [0, 1]; names its classes."""
    import numpy as np

    from keras_xai.datasets.class_names import name_classes
    from keras_xai.datasets.split import Split
    from keras_xai.decoding import open_classifier

    labels = np.zeros(len(images), np.int32)  # unknown
    classifier = open_classifier(
        model,
        Split(images, labels, None, (), ()),
        input_range=tuple(args.input_range),
        from_logits=args.logits,
    )
    return classifier, name_classes(args.class_names, classifier.output_shape[-1])


def _check_options(args: argparse.Namespace, names: tuple[str, ...]) -> None:
    """Refuses a run that is not there, and options that would have no effect."""
    if not args.run.exists():
        raise InputError(
            f"{args.run} does not exist; expected a folder of `train` or a .keras file."
        )
    if args.run.is_file() and not names:
        raise InputError(
            f"{args.run} is a classifier without masks; expected --method and one or "
            f"more of: {', '.join([*METHODS, CLADEC])}."
        )
    if CLADEC in names and args.run.is_dir():
        raise InputError(
            "Invalid value for `method`. ClaDec is for a .keras file, which `decode` "
            "takes, and no run of `train`: its classifier must first be saved as one. "
            f"Received: method={CLADEC} for {args.run}"
        )
    if CLADEC in names and args.decoded is None:
        raise InputError(
            f"The method {CLADEC} needs --decoded; expected a folder made by "
            f"`keras-xai decode {args.run}`."
        )
    analyzers = set(names) - {CLADEC}
    for options, is_given, wanted in (
        (OF_MODEL, args.run.is_file(), "a .keras file"),
        (OF_RUN, args.run.is_dir(), "a run of `train`"),
        (OF_ANALYZERS | OF_RUN, bool(analyzers), "heatmaps by --method"),
        (OF_CLADEC, CLADEC in names, f"--method {CLADEC}"),
    ):
        for name, default in options.items():
            value = getattr(args, name, default)
            if not is_given and value != default:
                raise InputError(
                    f"Invalid value for `{name}`. It is for {wanted}; expected none "
                    f"here. Received: {name}={value}"
                )
