"""Options of a training from a recipe's name or file, checked."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from keras_xai.errors import InputError
from keras_xai.recipes import RECIPES

if TYPE_CHECKING:
    from keras_xai.training.config import JointConfig

WORDS = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}


def load_config(
    recipe: str, profile: str | None, overrides: list[str]
) -> "JointConfig":
    """Resolves a recipe's name or file, with overrides, to a config.

    Args:
        recipe: a name in `RECIPES`, or the path of a JSON file of options.
        profile: one of `PROFILES`, None for "paper"; a file has no profiles.
        overrides: `OPTION=VALUE`, the value in JSON or a bare word.

    Raises:
        InputError: if the recipe or an option is unknown, or a value of another type.
    """
    from keras_xai.training.config import (
        JointConfig,
        Stage,
        config_from_dict,
        config_to_dict,
    )

    if recipe in RECIPES:
        config = RECIPES[recipe](profile or "paper")
        values = json.loads(json.dumps(config_to_dict(config)))
    elif recipe.endswith(".json"):
        if profile is not None:
            raise InputError(
                f"Invalid value for `--profile`. {recipe} says itself how long to "
                f"train; expected none beside it. Received: {profile}"
            )
        values = _read_options(Path(recipe))
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
    stages = values.get("stages", [])
    if not isinstance(stages, list) or not all(isinstance(s, dict) for s in stages):
        raise InputError(
            "Invalid value for `stages`. Expected a list of stages, each its options. "
            f"Received: stages={json.dumps(stages)}"
        )
    _check_types(JointConfig, {k: v for k, v in values.items() if k != "stages"})
    for stage in stages:
        _check_types(Stage, stage)
    return config_from_dict(values)


def _read_options(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8: {error}.") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None
    if not isinstance(values, dict):
        raise InputError(
            f"{path} holds no JSON object; expected options and their values. "
            f"Received: {json.dumps(values)[:80]}"
        )
    return values


def _check_types(kind: type, values: Mapping[str, Any]) -> None:
    """Refuses values of another type, and required options that are missing."""
    for field in dataclasses.fields(kind):
        if field.name in values:
            value = values[field.name]
            if not _fits(value, field.type):
                raise InputError(
                    f"Invalid value for `{field.name}`. Expected "
                    f"{_describe(field.type)}. "
                    f"Received: {field.name}={json.dumps(value)}"
                )
        elif field.default is dataclasses.MISSING:
            raise InputError(
                f"`{field.name}` is missing in a {kind.__name__.lower()}; expected "
                f"{_describe(field.type)}. Received: {json.dumps(values)}"
            )


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON is of a type; an integer is a float, too."""
    parts = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        return value in parts
    if typing.get_origin(kind) is tuple:
        return isinstance(value, list) and all(_fits(v, parts[0]) for v in value)
    if isinstance(kind, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _describe(kind: Any) -> str:
    parts = typing.get_args(kind)
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(parts)
    if typing.get_origin(kind) is tuple:
        return f"a list, each {_describe(parts[0])}"
    if isinstance(kind, types.UnionType):
        return " or ".join(map(_describe, parts))
    return WORDS.get(kind, "null")
