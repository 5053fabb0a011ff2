"""Show it all small: generate polygons, train, explain, compare, write a report."""

import argparse
import json
from pathlib import Path

from keras_xai.cli.arguments import add_seed, check_seed
from keras_xai.cli.quiet import import_tensorflow
from keras_xai.errors import InputError

IMAGE_SIZE = 64
NUM_IMAGES, NUM_POSITIVE = 800, 494  # the paper's share, 618 of 1000
METHODS = (
    "gradient",
    "smoothgrad",
    "guided_backprop",
    "deep_taylor",
    "lrp.epsilon",
    "lrp.sequential_preset_a_flat",
)
NUM_COMPARED, NUM_TAKEN_APART = 64, 12  # images


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument(
        "out",
        type=Path,
        metavar="OUT",
        nargs="?",
        default=Path("demo"),
        help="folder to make; given again, an unfinished demo goes on",
    )
    add_seed(parser)


def run(args: argparse.Namespace) -> str:
    """Runs the demo and returns where the report is."""
    check_seed(args.seed)
    import_tensorflow()

    from keras_xai.analyzers.innvestigate import check_installed

    check_installed()  # before minutes of training

    import dataclasses
    from functools import partial

    import tensorflow as tf
    from rich.console import Console

    from data_gen.generate import generate
    from data_gen.recipes import RECIPES as DATA_RECIPES
    from keras_xai.cli.progress import epoch_lines, progress_bar
    from keras_xai.comparison.compare import compare
    from keras_xai.comparison.options import Options
    from keras_xai.datasets.collection import open_images
    from keras_xai.datasets.voc import read_voc
    from keras_xai.explanations import explain_images, load_joint
    from keras_xai.recipes import RECIPES
    from keras_xai.report.report import write_report
    from keras_xai.training.joint import train_joint

    console = Console(stderr=True, quiet=args.quiet, highlight=False)
    data_dir, run_dir = args.out / "polygons", args.out / "run"
    explanations_dir, report_path = args.out / "explanations", args.out / "report.html"
    comparison_dir = args.out / "comparison"

    if data_dir.exists():
        _check_polygons(data_dir, args.seed)
    else:
        console.print(f"1. {NUM_IMAGES} images of polygons: {data_dir}")
        data_config = dataclasses.replace(
            DATA_RECIPES["paper"],
            num_images=NUM_IMAGES,
            num_positive=NUM_POSITIVE,
            image_size=IMAGE_SIZE,
            max_shapes=5,
            min_radius=7,
            max_radius=12,
            seed=args.seed,
        )
        try:
            generate(data_config, data_dir, progress=not args.quiet)
        except ValueError as error:
            raise InputError(str(error)) from error

    config = RECIPES["joint"]("quick")
    console.print(f"2. Training in three stages: {run_dir}")
    with epoch_lines(config, quiet=args.quiet) as report:
        train_joint(
            config,
            read_voc(data_dir, "train"),
            read_voc(data_dir, "val"),
            run_dir,
            seed=args.seed,
            precision="auto",
            report=report,
        )

    if not explanations_dir.exists():
        console.print(f"3. Labels, probabilities and masks: {explanations_dir}")
        joint, class_names = load_joint(run_dir)
        images = open_images(data_dir)
        num_images = len(images.filenames)
        with progress_bar("images", num_images, quiet=args.quiet) as report_images:
            explain_images(
                joint, class_names, images, explanations_dir, report=report_images
            )

    console.print(f"4. The mask beside iNNvestigate's analyzers: {comparison_dir}")
    tf.get_logger().setLevel("ERROR")  # every size of a last batch is worth a note
    compare(
        run_dir,
        data_dir,
        comparison_dir,
        Options(
            methods=METHODS,
            num_images=NUM_COMPARED,
            faithfulness_images=NUM_TAKEN_APART,
            sanity_images=NUM_TAKEN_APART,
            seed=args.seed,
        ),
        progress=partial(progress_bar, quiet=args.quiet),
        say=console.print,
    )
    folders = [comparison_dir, run_dir, explanations_dir, data_dir]
    write_report(folders, report_path)
    console.print("5. The report:")
    return str(report_path)


def _check_polygons(data_dir: Path, seed: int) -> None:
    """Refuses to go on with the polygons of another demo."""
    manifest = json.loads((data_dir / "manifest.json").read_text())
    if manifest["config"]["seed"] != seed:
        raise InputError(
            f"{data_dir} holds the polygons of another demo; expected a new folder, or "
            f"--seed {manifest['config']['seed']}. Received: seed={seed}"
        )
