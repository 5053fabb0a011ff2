"""One page: a head, sections with their verdicts, and how it was made, in one file."""

import base64
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup, escape

from keras_xai import __version__
from keras_xai.report import formats, pictures


class Made(NamedTuple):
    """How the content of a section was made.

    Attributes:
        title: names the folder.
        commands: that make it again.
        recipe: options as a JSON file to download, a data URI; None if there are none.
        stages: rows of a table, each from column to value.
        tables: caption to option to value.
    """

    title: str
    commands: list[str]
    recipe: str | None
    stages: list[dict[str, Any]]
    tables: dict[str, dict[str, str]]


class Section(NamedTuple):
    """A part of the page.

    Attributes:
        template: of the section's kind, in templates/.
        anchor: its place on the page.
        headline: of the page, if it has no other section.
        title: above the section; in the head, the link to it.
        verdict: what the numbers say: a paragraph, then perhaps points.
        content: what the template draws.
        made: one for each folder.
    """

    template: str
    anchor: str
    headline: str
    title: str
    verdict: list[Markup]
    content: Any
    made: list[Made]


def write_page(sections: Sequence[Section], title: str, out_path: Path) -> None:
    """Writes a page; it appears when it is whole, and loads nothing from elsewhere.

    Args:
        sections: in the order of the page, at least one.
        title: of the page.
        out_path: the HTML file; an older one is replaced.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_xai.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "share": formats.format_share,
        "value": formats.format_value,
        "text": to_text,
        "breakable": break_name,
    }
    environment.filters |= filters
    page = environment.get_template("page.html").render(
        sections=sections,
        title=title,
        version=__version__,
        colour_maps={
            name: pictures.encode_colour_map(name) for name in ("viridis", "seismic")
        },
    )
    _write_atomically(out_path, page)


def to_text(value: Any) -> str:
    """Writes a value from a JSON file for a person to read."""
    if value in (None, [], {}):
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(to_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{k} {to_text(v)}" for k, v in value.items())
    return json.dumps(value)


def break_name(name: str) -> Markup:
    """Lets a long name be broken after its points and underscores."""
    text = str(escape(name))
    return Markup(text.replace("_", "_<wbr>").replace(".", ".<wbr>"))


def to_table(values: Mapping[str, Any]) -> dict[str, str]:
    """Writes options for a person to read."""
    return {name: to_text(value) for name, value in values.items()}


def encode_json(values: Mapping[str, Any]) -> str:
    """Encodes values as a JSON file to download: a data URI."""
    text = json.dumps(values, indent=2)
    return f"data:application/json;base64,{base64.b64encode(text.encode()).decode()}"


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", errors="replace")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
