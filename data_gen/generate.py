"""Generates a polygon data set."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from data_gen import __version__
from data_gen.config import PolygonConfig
from data_gen.pictures import make_pictures, stem
from data_gen.png import encode_png
from data_gen.polygons import Shape
from data_gen.voc import PALETTE
from data_gen.workers import Spread, spread_over_processes, spread_over_ray

__all__ = ["PolygonConfig", "generate"]

FORMAT = 1
IMAGES, ANNOTATIONS, MASKS = "JPEGImages", "Annotations", "SegmentationObject"
LISTS = "ImageSets/Main"
MANIFEST = "manifest.json"
_ROOM = ".polygons-"  # starts the name of what is not whole yet
_CHUNK = 128  # images a worker makes at a time
_LABELS, _SPLIT = 1, 2  # streams of random numbers beside that of the pictures, 0
_PER_RUN = ("num_images", "num_positive", "positive_share", "start_index")


def generate(
    config: PolygonConfig,
    out_dir: str | os.PathLike[str],
    *,
    workers: int | None = None,
    ray_address: str | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Writes a polygon data set in the layout of PASCAL VOC.

    An image depends on the seed, its index, and whether it is positive; not on the
    number of images or processes. Positives are dealt out in blocks. If k/n is the
    share of positives in lowest terms, each n images from `start_index` on hold k
    positives, in an order that depends on the seed and their indices. So their number
    is exact, no list of them is kept, and shards cut at multiples of n hold the very
    images of the whole set; cut elsewhere, the number is exact still, but the order
    is another. The validation list is drawn for each call, stratified.

    The set appears whole or not at all: it is made in a folder beside `out_dir`, or in
    it if that is there and empty, then renamed. A set is extended by its own options,
    with other numbers of images and positives if need be, and the `start_index` its
    manifest calls `next_index`; what else is in its folder stays there.

    Several processes are started afresh: a script that calls this needs the usual
    `if __name__ == "__main__":`.

    Args:
        config: What the set shall contain.
        out_dir: Folder of the set; made with its parents.
        workers: Number of processes, by default one for each core. The bytes written
            do not depend on it.
        ray_address: Instead of processes, the Ray cluster to work on: `auto` for the
            one this machine belongs to, `local` for one of this machine's own. Its
            machines must see `out_dir` under the same path.
        progress: Whether to show a progress bar, if on a terminal.

    Returns:
        The content of `manifest.json`: `format`, `version`, `config`, `target`,
        `counts` of `images`, `positives`, `negatives`, `train` and `val`, `parts`
        (one for each call, with the `version` that made it), and `next_index`.

    Raises:
        ValueError: If the shapes of an image find no room, `workers` is below 1, or
            beside `ray_address`.
        ConnectionError: If there is no such cluster.
        ModuleNotFoundError: If Ray is wanted and not installed.
        FileExistsError: If `out_dir` holds something the set does not extend.
        ChildProcessError: If a process was killed.
        OSError: If the set cannot be written.
    """
    if workers is not None and workers < 1:
        raise ValueError(
            "Invalid value for `workers`. Expected at least 1. "
            f"Received: workers={workers}"
        )
    if workers is not None and ray_address is not None:
        raise ValueError(
            "Invalid value for `workers`. Expected none beside `ray_address`: a "
            f"cluster has its own. Received: workers={workers}"
        )
    out = Path(os.path.abspath(out_dir))
    old = _read_manifest(config, out)
    # A folder to fill may be the current one, or where a volume is mounted.
    beside = out if out.exists() and not old else out.parent
    try:
        beside.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_ROOM, dir=beside) as room:
            part = Path(room, out.name)
            for folder in (IMAGES, ANNOTATIONS, MASKS, LISTS):
                (part / folder).mkdir(parents=True)
            if old:
                _link_set(out, part)
            spread = (
                partial(spread_over_processes, workers=workers or os.cpu_count() or 1)
                if ray_address is None
                else partial(spread_over_ray, address=ray_address)
            )
            _write_pictures(config, part, spread, progress)
            manifest = _manifest(config, _write_lists(config, part), old)
            (part / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
            if beside == out:
                _fill(part, out)
            else:
                _put_in_place(part, out, Path(room, "old"))
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(
            f"Cannot write the data set to {out}: {error.strerror}."
        ) from error
    return manifest


def draw_labels(config: PolygonConfig) -> Iterator[bool]:
    """Draws whether each image is positive.

    Args:
        config: Options of the set.

    Yields:
        One value an image, from `start_index` on.
    """
    share = Fraction(config.positives, config.num_images)
    chances = _uniform(config.seed, config.start_index, _LABELS)
    for _ in range(config.num_images // share.denominator):
        missing = share.numerator
        for left in range(share.denominator, 0, -1):
            positive = next(chances) * left < missing
            missing -= positive
            yield positive


def _split(config: PolygonConfig) -> Iterator[tuple[str, bool, bool]]:
    """Name of each image, whether it is positive, and whether for validation."""
    chances = _uniform(config.seed, config.start_index, _SPLIT)
    left = [config.num_images - config.positives, config.positives]
    missing = [round(config.val_share * count) for count in left]
    for index, positive in enumerate(draw_labels(config), config.start_index):
        val = next(chances) * left[positive] < missing[positive]
        left[positive] -= 1
        missing[positive] -= val
        yield stem(index), positive, val


def _uniform(seed: int, first: int, stream: int) -> Iterator[float]:
    """Numbers in [0, 1), each a function of seed, stream and its place from `first`."""
    counter = [first // 4, 0, 0, stream]  # Philox draws four numbers at a time
    key = np.array([seed, 0], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key, counter=counter))
    rng.random(first % 4)
    while True:
        yield rng.random()


def _write_chunk(
    config: PolygonConfig, folder: str, first: int, labels: Sequence[int]
) -> int:
    """Writes the files of images `first`, `first + 1`, ...; returns their number."""
    _keep_freed_memory()
    for name, pixels, mask, xml in make_pictures(config, first, labels):
        for path, content in (
            (f"{folder}/{IMAGES}/{name}.png", encode_png(pixels)),
            (f"{folder}/{MASKS}/{name}.png", encode_png(mask, PALETTE)),
            (f"{folder}/{ANNOTATIONS}/{name}.xml", xml),
        ):
            with open(path, "xb") as file:
                file.write(content)
    return len(labels)


def _keep_freed_memory() -> None:
    """Lets glibc keep what an image frees, for the next: a third faster.

    By default it hands large blocks back to the system, which zeroes each page when
    they are asked for again. Its threshold follows the largest block ever freed.
    """
    np.empty(2**24, np.uint8)


def _write_pictures(
    config: PolygonConfig, folder: Path, spread: Spread, progress: bool
) -> None:
    """Writes all pictures, masks and annotations."""
    from rich.console import Console  # here, for the workers to start faster
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    firsts = range(config.start_index, config.end_index, _CHUNK)
    labels = draw_labels(config)
    chunks = ((first, bytes(islice(labels, _CHUNK))) for first in firsts)
    write = partial(_write_chunk, config, str(folder))
    with Progress(
        *Progress.get_default_columns(),
        MofNCompleteColumn(),
        console=console,
        disable=not (progress and console.is_terminal),
    ) as bar:
        task = bar.add_task("Drawing", total=config.num_images)
        report = partial(bar.advance, task)
        spread(write, chunks, len(firsts), report)


def _write_lists(config: PolygonConfig, folder: Path) -> dict[str, int]:
    """Appends to VOC's lists of images; returns the counts."""
    counts = dict.fromkeys(("images", "positives", "negatives", "train", "val"), 0)
    target = Shape.from_name(config.target).name
    lists = folder / LISTS
    with (
        open(lists / "train.txt", "a") as train,
        open(lists / "val.txt", "a") as val,
        open(lists / f"{target}_train.txt", "a") as target_train,
        open(lists / f"{target}_val.txt", "a") as target_val,
    ):
        for name, positive, for_val in _split(config):
            names, signs = (val, target_val) if for_val else (train, target_train)
            names.write(f"{name}\n")
            signs.write(f"{name} {1 if positive else -1:2d}\n")
            counts["images"] += 1
            counts["positives" if positive else "negatives"] += 1
            counts["val" if for_val else "train"] += 1
    return counts


def _manifest(
    config: PolygonConfig, counts: dict[str, int], old: dict[str, Any] | None
) -> dict[str, Any]:
    part = {
        "start_index": config.start_index,
        "num_images": config.num_images,
        "num_positive": config.positives,
        "version": __version__,
    }
    target = Shape.from_name(config.target)
    if old:
        counts = {name: old["counts"][name] + n for name, n in counts.items()}
    return {
        "format": FORMAT,
        "version": __version__,
        "config": old["config"] if old else asdict(config),
        "target": {"name": target.name, "p": target.p, "q": target.q},
        "counts": counts,
        "parts": (old["parts"] if old else []) + [part],
        "next_index": config.end_index,
    }


def _read_manifest(config: PolygonConfig, out: Path) -> dict[str, Any] | None:
    """The manifest of the set to extend, or `None` if there is nothing yet."""
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"Cannot write the data set to {out}: it is a file.")
    if not out.exists() or all(p.name.startswith(_ROOM) for p in out.iterdir()):
        return None
    try:
        manifest = json.loads((out / MANIFEST).read_text())
        stored = {k: v for k, v in manifest["config"].items() if k not in _PER_RUN}
        if stored["outside_polygon"] is None:  # without, its share meant nothing
            del stored["outside_share"]
        looks_alike = _looks(PolygonConfig(**stored)) == _looks(config)
        same = looks_alike and manifest["format"] == FORMAT
        next_index = manifest["next_index"]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        same = False
    if not same:
        raise FileExistsError(
            f"Cannot write the data set to {out}: it is neither empty nor a set made "
            "with these options."
        )
    if Path.cwd().is_relative_to(out.resolve()):
        raise FileExistsError(
            f"Cannot write the data set to {out}: it is, or holds, the current folder; "
            "a set is extended from outside."
        )
    if config.start_index != next_index:
        raise FileExistsError(
            f"Cannot write the data set to {out}: it exists, and only a `start_index` "
            f"of {next_index} would extend it."
        )
    return manifest


def _looks(config: PolygonConfig) -> dict[str, Any]:
    """The options that a set and its extension share."""
    return {**asdict(config), **dict.fromkeys(_PER_RUN)}


def _link_set(old: Path, new: Path) -> None:
    """Links a set's files but its manifest; copies its lists, which will change."""
    lists = str(old / LISTS)

    def link(source: str, target: str) -> None:
        copy = shutil.copyfile if os.path.dirname(source) == lists else os.link
        copy(source, target)

    try:
        shutil.copytree(
            old,
            new,
            symlinks=True,
            ignore=lambda folder, _: [MANIFEST] if Path(folder) == old else [],
            copy_function=link,
            dirs_exist_ok=True,
        )
    except shutil.Error as error:
        source, _, reason = error.args[0][0]
        raise OSError(errno.EIO, f"{source} cannot be carried over: {reason}") from None


def _fill(part: Path, out: Path) -> None:
    """Moves what is in `part` into the folder `out`, the manifest last, or nothing."""
    moved = []
    try:
        for path in sorted(part.iterdir(), key=lambda path: path.name == MANIFEST):
            moved.append(path.name)
            path.rename(out / path.name)
    except BaseException:
        for name in moved:
            if (out / name).exists():
                (out / name).rename(part / name)
        raise


def _put_in_place(part: Path, out: Path, aside: Path) -> None:
    """Renames `part` to `out`, and what is there to `aside`."""
    try:
        if out.exists():
            out.rename(aside)
        part.rename(out)
    except BaseException:
        if aside.exists():
            aside.rename(out)
        raise
