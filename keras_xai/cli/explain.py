"""Explain images with a trained run: labels, probabilities and masks."""

import argparse
from pathlib import Path

from keras_xai.cli.quiet import import_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of `train`")
    parser.add_argument(
        "images",
        type=Path,
        metavar="IMAGES",
        help="folder of image files, or of a data set in VOC layout",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    parser.add_argument(
        "--batch-size", type=int, default=32, help="images in memory at a time"
    )


def run(args: argparse.Namespace) -> str:
    """Explains and returns where the result is."""
    import_tensorflow()

    from keras_xai.cli.progress import progress_bar
    from keras_xai.datasets.images import list_images
    from keras_xai.explanations import explain_files, load_joint

    joint, class_names = load_joint(args.run)
    voc_images = args.images / "JPEGImages"
    paths = list_images(voc_images if voc_images.is_dir() else args.images)
    with progress_bar("images", len(paths), quiet=args.quiet) as report:
        explain_files(
            joint,
            class_names,
            paths,
            args.out,
            batch_size=args.batch_size,
            report=report,
        )
    return str(args.out)
