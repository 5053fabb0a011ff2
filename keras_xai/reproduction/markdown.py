"""Lines of a Markdown table."""

from collections.abc import Iterator
from typing import Any


def table_header(*names: str) -> Iterator[str]:
    """Yields the two lines that a table starts with."""
    yield table_row(*names)
    yield "|---" * len(names) + "|"


def table_row(*values: Any) -> str:
    """Returns one line of a table."""
    return "| " + " | ".join(map(str, values)) + " |"
