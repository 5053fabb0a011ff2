"""Train the joint model: an explainer and a classifier, in three stages."""

import argparse
import json
from pathlib import Path

from keras_xai.cli.quiet import import_tensorflow
from keras_xai.errors import InputError
from keras_xai.recipes import PROFILES, RECIPES

MASK_LOSSES = {
    "total_variation": "weight of the mask's total variation, a mean over pixels",
    "outside_boxes": "weight of the mask's mean outside the targets' boxes",
    "supervised": "weight of the mask's cross-entropy with the annotated target",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("data", type=Path, metavar="DATA", help="folder in VOC layout")
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN",
        help="folder for weights and log; given again, an unfinished run goes on",
    )
    parser.add_argument(
        "--recipe",
        default="joint",
        help=f"one of {', '.join(RECIPES)}, or a JSON file of options",
    )
    parser.add_argument(
        "--profile", choices=PROFILES, default="paper", help="how long to train"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="change one option of the recipe; may be repeated",
    )
    parser.add_argument(
        "--l1", type=float, help="price of one pixel of mask, instead of the recipe's"
    )
    for option, meaning in MASK_LOSSES.items():
        parser.add_argument(
            f"--{option.replace('_', '-')}", type=float, metavar="W", help=meaning
        )
    parser.add_argument("--target", help="class to find, instead of the manifest's")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "mixed_bfloat16"),
        default="auto",
        help="auto takes mixed_bfloat16 where the processor multiplies bfloat16",
    )
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="also write TensorBoard logs"
    )


def run(args: argparse.Namespace) -> str:
    """Trains and returns where the run is."""
    from keras_xai.training.config import with_l1, with_mask_losses

    config = load_config(args.recipe, args.profile, args.set)
    if args.l1 is not None:
        config = with_l1(config, args.l1)
    weights = {name: getattr(args, name) for name in MASK_LOSSES}
    config = with_mask_losses(
        config, **{name: w for name, w in weights.items() if w is not None}
    )

    import_tensorflow()

    from keras_xai.cli.progress import epoch_lines
    from keras_xai.datasets.voc import read_voc
    from keras_xai.training.joint import train_joint

    train = read_voc(args.data, "train", target=args.target)
    validation = read_voc(args.data, "val", target=args.target)
    callbacks = () if args.tensorboard is None else (_tensorboard(args.tensorboard),)
    with epoch_lines(config, quiet=args.quiet) as report:
        try:
            train_joint(
                config,
                train,
                validation,
                args.run,
                seed=args.seed,
                precision=args.precision,
                callbacks=callbacks,
                report=report,
            )
        except ValueError as error:  # sizes and options that the builders refuse
            raise InputError(str(error)) from error
    return str(args.run)


def load_config(recipe: str, profile: str, overrides: list[str]):
    """Resolves a recipe's name or file, with overrides, to a config.

    Args:
        recipe: a name in `RECIPES`, or the path of a JSON file of options.
        profile: one of `PROFILES`; a file has no profiles.
        overrides: `OPTION=VALUE`, the value in JSON or a bare word.

    Returns:
        A `JointConfig`.

    Raises:
        InputError: if the recipe or an option is unknown.
    """
    from keras_xai.training.config import config_from_dict, config_to_dict

    if recipe in RECIPES:
        values = config_to_dict(RECIPES[recipe](profile))
    elif recipe.endswith(".json"):
        try:
            values = json.loads(Path(recipe).read_text())
        except json.JSONDecodeError as error:
            raise InputError(f"{recipe} is not valid JSON: {error}.") from None
    else:
        raise InputError(
            f"Invalid value for `--recipe`. Expected one of {', '.join(RECIPES)}, or a "
            f"JSON file. Received: {recipe}"
        )
    for override in overrides:
        option, equals, value = override.partition("=")
        if not equals:
            raise InputError(
                "Invalid value for `--set`. Expected OPTION=VALUE. "
                f"Received: {override}"
            )
        try:
            values[option] = json.loads(value)
        except json.JSONDecodeError:
            values[option] = value
    return config_from_dict(values)


def _tensorboard(log_dir: Path):
    import keras

    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise InputError(
            "--tensorboard needs the tensorboard package: "
            "pip install 'keras_xai[tensorboard]'"
        ) from None
    return keras.callbacks.TensorBoard(log_dir)
