"""Compare a run's masks, or your own classifier, with iNNvestigate's analyzers."""

import argparse
import dataclasses
from functools import partial
from pathlib import Path

from keras_xai.analyzers.methods import METHODS
from keras_xai.cli.arguments import (
    add_class_names,
    add_classifier,
    add_custom_objects,
    add_input_format,
    add_run,
    add_seed,
    check_seed,
    register_custom_objects,
)
from keras_xai.cli.quiet import import_tensorflow
from keras_xai.errors import InputError

PRECISIONS = ("float32", "bfloat16")
FILLS = ("black", "white", "grey", "blur", "uniform")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    add_run(parser)
    parser.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="folder in VOC layout, one of images in a folder a class, or an .npz "
        "file; only the first has a ground truth",
    )
    parser.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        help="folder to make; given again, an unfinished comparison goes on",
    )
    parser.add_argument(
        "--methods",
        "--method",
        nargs="+",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help="analyzers, by iNNvestigate's names, beside a run's mask and the "
        "baselines, which are always there; `none` does without iNNvestigate "
        f"(default: {', '.join(METHODS)})",
    )
    add_classifier(parser)
    sizes = parser.add_argument_group("how much is compared")
    sizes.add_argument(
        "--num-images",
        type=int,
        default=argparse.SUPPRESS,
        help="images (default: what makes 2 million pixels, 39 of 224×224 or 159 of "
        "112×112)",
    )
    sizes.add_argument(
        "--num-samples",
        type=int,
        default=16,
        help="inputs that SmoothGrad and integrated gradients average over",
    )
    sizes.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=PRECISIONS[0],
        help="of the analyzers' products; with bfloat16, where the processor has "
        "instructions for it, they take about six tenths of the time, and heatmaps "
        "have a mean cosine of at least .995 with those in float32",
    )
    sizes.add_argument(
        "--faithfulness-images",
        type=int,
        default=argparse.SUPPRESS,
        help="of the first images, how many are taken apart (default: 0.3 million "
        "pixels)",
    )
    sizes.add_argument(
        "--sanity-images",
        type=int,
        default=argparse.SUPPRESS,
        help="of the first images, how many a random classifier explains too "
        "(default: 0.2 million pixels)",
    )
    sizes.add_argument(
        "--leak-steps",
        type=int,
        default=60,
        help="batches that the leak predictor learns from; 0 leaves the check out",
    )
    measures = parser.add_argument_group("how it is measured")
    measures.add_argument(
        "--tolerance", type=int, default=15, help="of the pointing game, in pixels"
    )
    measures.add_argument(
        "--target-margin",
        type=int,
        metavar="PIXELS",
        help="by which the targets' masks are grown; 0 takes them as they are "
        "(default: 3)",
    )
    measures.add_argument(
        "--patch-size", type=int, default=8, help="of MoRF and LeRF, in pixels"
    )
    measures.add_argument(
        "--fill",
        choices=FILLS,
        default=argparse.SUPPRESS,
        help="what stands where something was taken away (default: the level nearest "
        "to the images' background)",
    )
    measures.add_argument(
        "--num-steps", type=int, default=16, help="of each faithfulness curve"
    )
    measures.add_argument(
        "--faithfulness-grid",
        action="store_true",
        help="patches of 4, 8, 16 and 32 pixels with each of five fills; takes 13 "
        "times as long",
    )
    model = parser.add_argument_group("a classifier of your own")
    model.add_argument(
        "--target",
        default=argparse.SUPPRESS,
        help="class to find, instead of the data set's own",
    )
    add_input_format(model)
    add_class_names(model, "those of the data, in their order")
    add_custom_objects(model)
    add_seed(parser)
    parser.add_argument(
        "--batch-size", type=int, default=16, help="images in memory at a time"
    )
    parser.add_argument(
        "--seconds-per-method",
        type=float,
        default=600,
        help="an analyzer that takes longer fails",
    )


def run(args: argparse.Namespace) -> str:
    """Compares and returns where the result is."""
    check_seed(args.seed)
    import_tensorflow()
    register_custom_objects(args)

    import tensorflow as tf
    from rich.console import Console

    from keras_xai.cli.progress import progress_bar
    from keras_xai.comparison.compare import compare
    from keras_xai.comparison.options import Options
    from keras_xai.report.report import write_report

    tf.get_logger().setLevel("ERROR")  # every size of a last batch is worth a note
    chosen = {
        field.name: getattr(args, field.name)
        for field in dataclasses.fields(Options)
        if hasattr(args, field.name)
    }
    chosen["input_range"] = tuple(args.input_range)
    chosen["from_logits"] = args.logits
    chosen["class_names"] = args.class_names and tuple(args.class_names)
    if "methods" in chosen:
        chosen["methods"] = _read_methods(args.methods)
    options = Options(**chosen)
    console = Console(stderr=True, quiet=args.quiet, highlight=False, soft_wrap=True)
    try:
        compare(
            args.run,
            args.data,
            args.out,
            options,
            progress=partial(progress_bar, quiet=args.quiet),
            say=console.print,
        )
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise InputError(
            f"Memory ran out; what is done is in {args.out}. The same command with a "
            f"smaller --batch-size goes on. Received: batch_size={args.batch_size}"
        ) from error
    write_report([args.out], args.out / "report.html")
    return str(args.out)


def _read_methods(names: list[str]) -> tuple[str, ...]:
    """Returns names of analyzers, each once; `none` stands alone."""
    chosen = tuple(dict.fromkeys(names))
    if "none" not in chosen:
        return chosen
    if len(chosen) > 1:
        raise InputError(
            "Invalid value for `--methods`. Expected names of analyzers, or none. "
            f"Received: {' '.join(names)}"
        )
    return ()
