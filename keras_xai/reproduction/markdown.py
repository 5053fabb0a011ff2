"""Lines of a Markdown table, and what stands in them."""

from collections.abc import Iterator, Mapping
from typing import Any


def table_header(*names: str) -> Iterator[str]:
    """Yields the two lines that a table starts with."""
    yield table_row(*names)
    yield "|---" * len(names) + "|"


def table_row(*values: Any) -> str:
    """Returns one line of a table."""
    return "| " + " | ".join(map(str, values)) + " |"


def format_count(group: Mapping[int, Any]) -> str:
    """Tells how many of a setting's seeds have a result."""
    n = sum(result is not None for result in group.values())
    return str(n) if n == len(group) else f"{n} of {len(group)}"
