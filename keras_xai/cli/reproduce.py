"""Run what is missing of a paper's experiments, then write tables and figures."""

import argparse
from pathlib import Path

from keras_xai.cli.quiet import import_tensorflow
from keras_xai.errors import InputError
from keras_xai.recipes import PROFILES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "paper",
        choices=("joint", "compare", "cladec", "real"),
        help="which experiments: the first paper's, its comparison with iNNvestigate, "
        "the second paper's, or the first's on real images",
    )
    parser.add_argument(
        "--profile", choices=PROFILES, default="paper", help="how long to train"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="folder of the results; those of other profiles are in a folder in it",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("work"),
        help="folder for data sets and weights; cladec looks in its data/ for "
        "fashion-mnist, mnist and tiny-imagenet, real for cue-conflict, raccoon-voc "
        "and tiny-imagenet",
    )
    parser.add_argument("--only", default="", help="only cells whose name starts so")
    parser.add_argument(
        "--list", action="store_true", help="list the cells and which are missing"
    )
    parser.add_argument(
        "--tables", action="store_true", help="run nothing; write tables and figures"
    )


def run(args: argparse.Namespace) -> str:
    """Runs the missing cells and returns where the tables are."""
    import_tensorflow()

    import tensorflow as tf
    from rich.console import Console

    from keras_xai.reproduction import (
        cladec,
        cladec_summary,
        compare,
        compare_summary,
        joint,
        joint_summary,
        real,
        real_summary,
    )
    from keras_xai.sweeps import read_results, run_missing

    tf.get_logger().setLevel("ERROR")  # every size of a last batch is worth a note
    console = Console(stderr=True, quiet=args.quiet, highlight=False)
    is_paper = args.profile == "paper"
    folder = (args.results if is_paper else args.results / args.profile) / args.paper
    experiments, summary = {
        "joint": (joint, joint_summary),
        "compare": (compare, compare_summary),
        "cladec": (cladec, cladec_summary),
        "real": (real, real_summary),
    }[args.paper]
    cells = experiments.cells(args.profile)
    if args.list:
        results = read_results(cells, folder / "cells")
        lines = [f"{'done' if results[c.name] else 'missing':8}{c.name}" for c in cells]
        return "\n".join(lines)
    chosen = [cell for cell in cells if cell.name.startswith(args.only)]
    if not chosen:
        raise InputError(
            "Invalid value for `--only`. Expected the start of a name that --list "
            f"shows. Received: {args.only}"
        )
    if not args.tables:
        run_missing(
            chosen,
            folder / "cells",
            lambda cell: experiments.measure(cell, args.work, folder / "cells"),
            command=f"keras-xai reproduce {args.paper} --profile {args.profile}",
            report=console.print,
        )
    summary.write_summary(cells, args.profile, folder)
    return str(folder / "tables.md")
