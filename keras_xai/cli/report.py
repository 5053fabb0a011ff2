"""Write what folders of train, explain, compare and decode hold as one HTML page."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "folders",
        type=Path,
        metavar="FOLDER",
        nargs="+",
        help="of `train`, `explain`, `compare` or `decode`, in any mix; a data set "
        "adds images and true labels to explanations",
    )
    parser.add_argument(
        "out", type=Path, metavar="OUT.html", help="page to write; it needs no network"
    )


def run(args: argparse.Namespace) -> str:
    """Writes the page and returns where it is."""
    from keras_xai.report.report import write_report

    write_report(args.folders, args.out)
    return str(args.out)
