"""Generate a data set of polygons with PASCAL VOC annotations and object masks."""

import argparse
import dataclasses
import types
import typing
from pathlib import Path

from keras_xai.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments: one for each field of the generator's config."""
    from data_gen.config import PolygonConfig
    from data_gen.recipes import RECIPES

    parser.formatter_class = argparse.HelpFormatter  # the defaults are the recipe's
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    parser.add_argument(
        "--recipe", choices=RECIPES, help="start from one of the papers' sets"
    )
    parser.add_argument(
        "--workers", type=int, help="number of processes, by default one a core"
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="work on a Ray cluster instead, whose machines share OUT's file system: "
        "auto for the one this machine belongs to",
    )
    for field in dataclasses.fields(PolygonConfig):
        kind, is_tuple = _element_type(field.type)
        description = field.metadata["help"]
        if field.default is not None:
            description += f" Default: {_to_text(field.default)}."
        options: dict = {"default": argparse.SUPPRESS, "help": description}
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["type"] = kind
            options["metavar"] = field.name.split("_")[-1].upper()
            if is_tuple:
                options["nargs"] = "+"
        parser.add_argument(f"--{field.name.replace('_', '-')}", **options)


def run(args: argparse.Namespace) -> str:
    """Generates and returns where the data set is."""
    from data_gen.config import PolygonConfig
    from data_gen.generate import generate
    from data_gen.recipes import RECIPES

    chosen = {
        field.name: getattr(args, field.name)
        for field in dataclasses.fields(PolygonConfig)
        if hasattr(args, field.name)
    }
    chosen = {k: tuple(v) if isinstance(v, list) else v for k, v in chosen.items()}
    base = RECIPES[args.recipe] if args.recipe else PolygonConfig()
    if "num_positive" not in chosen and base.num_positive is not None:
        if "positive_share" in chosen:
            chosen["num_positive"] = None
        elif "num_images" in chosen:  # of which the recipe's share stays positive
            share = base.num_positive / base.num_images
            chosen["num_positive"] = round(share * chosen["num_images"])
    try:
        config = dataclasses.replace(base, **chosen)
        generate(
            config,
            args.out,
            workers=args.workers,
            ray_address=args.ray,
            progress=not args.quiet,
        )
    except (ValueError, ModuleNotFoundError) as error:
        raise InputError(str(error)) from error
    return str(args.out)


def _element_type(annotation: typing.Any) -> tuple[type, bool]:
    """Returns the type of one value, and whether a tuple of them is meant."""
    if isinstance(annotation, types.UnionType):  # X | None
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0], True
    return annotation, False


def _to_text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
