"""Arguments that several verbs take."""

import argparse
from pathlib import Path
from typing import Any

from keras_xai.errors import InputError

MAX_SEED = 2**32 - 1  # NumPy's, and so Keras'
INPUT_RANGE = [0.0, 1.0]  # a list, as argparse makes of two numbers


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds what is explained: a run, or a classifier of one's own."""
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="folder of `train`, or a classifier saved as .keras",
    )


def add_input_format(parser: Any) -> None:
    """Adds how a user's own model reads images, and what it answers.

    Args:
        parser: a parser or one of its groups.
    """
    parser.add_argument(
        "--input-range",
        type=float,
        nargs=2,
        default=INPUT_RANGE,
        metavar=("BLACK", "WHITE"),
        help="what your own model expects for black and white: 0 255, or -1 1",
    )
    parser.add_argument(
        "--logits", action="store_true", help="its output wants a softmax"
    )


def add_custom_objects(parser: Any) -> None:
    """Adds where layers are defined that are no part of Keras.

    Args:
        parser: a parser or one of its groups.
    """
    parser.add_argument(
        "--custom-objects",
        type=Path,
        metavar="FILE",
        help="Python file that defines the layers and functions of your own model that "
        "Keras does not have; it is run",
    )


def register_custom_objects(args: argparse.Namespace) -> None:
    """Makes known what `add_custom_objects` names; call it before a model is loaded."""
    if args.custom_objects is not None:
        from keras_xai.saved_models import register_custom_objects

        register_custom_objects(args.custom_objects)


def add_class_names(parser: Any, default: str) -> None:
    """Adds what the outputs of a user's own model are called.

    Args:
        parser: a parser or one of its groups.
        default: what they are called without it.
    """
    parser.add_argument(
        "--class-names",
        nargs="+",
        metavar="NAME",
        help=f"of your own model's outputs, in their order (default: {default})",
    )


def add_classifier(parser: Any) -> None:
    """Adds which classifier of a run is explained.

    Args:
        parser: a parser or one of its groups.
    """
    parser.add_argument(
        "--classifier",
        choices=("alone", "joint"),
        default="alone",
        help="which classifier of a run is explained, under a white mask: stage 1's, "
        "as in the paper, or the finished model's",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Adds the seed."""
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")


def check_seed(seed: int) -> None:
    """Raises an InputError if a seed is out of range."""
    if not 0 <= seed <= MAX_SEED:
        raise InputError(
            f"Invalid value for `--seed`. Expected a number from 0 to {MAX_SEED}. "
            f"Received: seed={seed}"
        )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Adds the dtype policy of a training."""
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "mixed_bfloat16"),
        default="float32",
        help="auto takes mixed_bfloat16 where the processor multiplies bfloat16, which "
        "is faster",
    )
