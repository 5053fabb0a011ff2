"""Cut photographs with boxes into a data set of windows with and without a target."""

import argparse
from pathlib import Path

from keras_xai.cli.arguments import add_seed, check_seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="folder in VOC layout: JPEGImages and Annotations; it needs no lists, and "
        "photographs without the target are left out",
    )
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="folder to make, in VOC layout"
    )
    parser.add_argument("--target", required=True, help="class to find")
    parser.add_argument(
        "--image-size",
        type=int,
        default=112,
        help="height and width that windows are resized to",
    )
    parser.add_argument(
        "--windows-per-box",
        type=int,
        default=4,
        help="windows around each box, and as many beside all boxes, if there is room",
    )
    parser.add_argument(
        "--max-share",
        type=float,
        default=1.0,
        help="leave out windows of which the target's boxes fill more",
    )
    add_seed(parser)


def run(args: argparse.Namespace) -> str:
    """Cuts and returns where the data set is."""
    check_seed(args.seed)

    from keras_xai.cli.progress import progress_bar
    from keras_xai.cropping import write_crops
    from keras_xai.datasets.crops import list_annotations

    total = len(list_annotations(args.data))
    with progress_bar("photographs", total, quiet=args.quiet) as report:
        write_crops(
            args.data,
            args.out,
            target=args.target,
            image_size=args.image_size,
            windows_per_box=args.windows_per_box,
            max_share=args.max_share,
            seed=args.seed,
            report=report,
        )
    return str(args.out)
