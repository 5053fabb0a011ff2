"""A folder for the user, whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_xai.errors import InputError


@contextmanager
def new_folder(out_dir: Path) -> Iterator[Path]:
    """Makes a folder that appears under its name when the block ends without an error.

    Args:
        out_dir: the folder to make, or an empty one to replace.

    Yields:
        An empty folder beside it to write into.

    Raises:
        InputError: if `out_dir` exists and is not an empty folder.
    """
    check_new(out_dir)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=out_dir.parent) as room:
        part = Path(room) / "part"
        part.mkdir()
        yield part
        if out_dir.exists():
            out_dir.rmdir()
        os.replace(part, out_dir)


def check_new(out_dir: Path) -> None:
    """Raises an InputError if a folder exists and is not empty."""
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise InputError(f"{out_dir} exists and is not empty; expected a new folder.")
