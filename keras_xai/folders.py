"""A folder for the user, whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_xai.errors import InputError

ROOM = ".part-"  # starts the name of what is not whole yet, or was left by a kill


@contextmanager
def new_folder(out_dir: Path) -> Iterator[Path]:
    """Makes a folder that appears under its name when the block ends without an error.

    An empty folder that is there is filled when the block ends, since it may be one
    that cannot be replaced: the current one, or where a volume is mounted. Whether
    there is permission to write is known before the block begins.

    Args:
        out_dir: the folder to make, or an empty one to fill.

    Yields:
        An empty folder, on the same volume, to write into.

    Raises:
        InputError: if `out_dir` exists and is not an empty folder.
        OSError: if it cannot be written.
    """
    out_dir = out_dir.resolve()
    is_there = out_dir.exists()
    if is_there and not (
        out_dir.is_dir() and all(p.name.startswith(ROOM) for p in out_dir.iterdir())
    ):
        raise InputError(f"{out_dir} exists and is not empty; expected a new folder.")
    beside = out_dir if is_there else out_dir.parent
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=ROOM, dir=beside) as room:
        part = Path(room) / "part"
        part.mkdir()
        yield part
        if is_there:
            for path in list(part.iterdir()):
                os.replace(path, out_dir / path.name)
        else:
            os.replace(part, out_dir)
