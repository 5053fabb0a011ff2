"""Generates a polygon data set."""

import json
import math
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from fractions import Fraction
from itertools import islice, repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from data_gen import __version__
from data_gen.config import PolygonConfig
from data_gen.drawing import Pixels, add_noise, draw_layers, paint
from data_gen.png import encode_png
from data_gen.polygons import Placement, Shape, place
from data_gen.voc import PALETTE, annotation

__all__ = ["PolygonConfig", "generate"]

FORMAT = 1
IMAGES, ANNOTATIONS, MASKS = "JPEGImages", "Annotations", "SegmentationObject"
LISTS = "ImageSets/Main"
MANIFEST = "manifest.json"
_CHUNK = 256  # images a worker makes at a time
_PICTURES, _LABELS, _SPLIT = range(3)  # independent streams of random numbers
_PER_RUN = ("num_images", "num_positive", "positive_share", "start_index")


def generate(
    config: PolygonConfig,
    out_dir: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Writes a polygon data set in the layout of PASCAL VOC.

    Image i depends on the seed, i, and whether it is positive; nothing else but the
    looks of the set. Positives are dealt out in blocks: with k of n images positive,
    in lowest terms, each run of n images from `start_index` on has k positives, in an
    order that depends on the seed and the index of the run's first image. So the
    number is exact without a list of all images, and a set may be cut into shards at
    multiples of n, or extended there, and have the same images as if made at once;
    elsewhere the number is as exact, but the order another.

    The set appears whole or not at all: it is made beside `out_dir` and then renamed.
    A set that exists is extended if all its options are repeated, but for the
    numbers of images and positives, with `start_index` where it ends. Which images
    go to the validation list is drawn for each call, stratified.

    Args:
        config: What the set shall contain.
        out_dir: Folder of the set; made with its parents.
        workers: Number of processes, by default one for each core. The bytes written
            do not depend on it.
        progress: Whether to show a progress bar, if on a terminal.

    Returns:
        The content of `manifest.json`: `format`, `version`, `config`, `target`,
        `counts` of `images`, `positives`, `negatives`, `train` and `val`, `parts`
        (one for each call), and `next_index`.

    Raises:
        ValueError: If the shapes of an image find no room, or `workers` is below 1.
        FileExistsError: If `out_dir` holds something the set does not extend.
        OSError: If the set cannot be written.
    """
    if workers is not None and workers < 1:
        raise ValueError(
            "Invalid value for `workers`. Expected at least 1. "
            f"Received: workers={workers}"
        )
    out = Path(os.path.abspath(out_dir))
    old = _read_manifest(config, out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".polygons-", dir=out.parent) as room:
            part = Path(room, out.name)
            for folder in (IMAGES, ANNOTATIONS, MASKS, LISTS):
                (part / folder).mkdir(parents=True)
            if old:
                _link_set(out, part)
            _write_pictures(config, part, workers or os.cpu_count() or 1, progress)
            manifest = _manifest(config, _write_lists(config, part), old)
            (part / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
            _put_in_place(part, out, Path(room, "old"))
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(
            f"Cannot write the data set to {out}: {error.strerror}."
        ) from error
    return manifest


class _Entry(NamedTuple):
    stem: str
    positive: bool
    val: bool


def _random(seed: int, index: int, stream: int) -> np.random.Generator:
    return np.random.Generator(
        np.random.Philox(key=[seed, index], counter=[0, 0, 0, stream])
    )


def _labels(config: PolygonConfig) -> Iterator[bool]:
    """Whether each image is positive."""
    share = Fraction(config.positives, config.num_images)
    for first in range(config.start_index, config.end_index, share.denominator):
        rng = _random(config.seed, first, _LABELS)
        missing = share.numerator
        for left in range(share.denominator, 0, -1):
            positive = rng.random() * left < missing
            missing -= positive
            yield positive


def _split(config: PolygonConfig) -> Iterator[_Entry]:
    """The list entry of each image, the validation list drawn without return."""
    rng = _random(config.seed, config.start_index, _SPLIT)
    left = [config.num_images - config.positives, config.positives]
    missing = [round(config.val_share * count) for count in left]
    for index, positive in enumerate(_labels(config), config.start_index):
        val = rng.random() * left[positive] < missing[positive]
        left[positive] -= 1
        missing[positive] -= val
        yield _Entry(_stem(index), positive, val)


def _stem(index: int) -> str:
    return f"{index:06d}"


def make_picture(
    config: PolygonConfig, index: int, positive: bool
) -> tuple[Pixels, Pixels, bytes]:
    """Makes the picture, mask and annotation of one image.

    Args:
        config: Options of the set.
        index: Index of the image.
        positive: Whether it holds targets.

    Returns:
        Picture `(height, width, channels)` uint8; mask `(height, width)` uint8, k in
        the region of the k-th object; and the XML file's bytes.

    Raises:
        ValueError: If the shapes find no room.
    """
    rng = _random(config.seed, index, _PICTURES)
    target = Shape.from_name(config.target)
    distractors = [Shape.from_name(name) for name in config.distractors]
    num_shapes = int(rng.integers(config.min_shapes, config.max_shapes + 1))
    num_targets = config.num_targets if positive else 0
    num_others = num_shapes - num_targets
    choices = rng.integers(len(distractors), size=num_others).tolist()
    shapes = [distractors[k] for k in choices] + [target] * num_targets
    radii = rng.uniform(config.min_radius, config.max_radius, num_shapes).tolist()
    angles = [-math.pi / 2] * num_shapes  # a vertex at the top
    if config.rotation:
        angles = rng.uniform(-math.pi, math.pi, num_shapes).tolist()
    room = radii
    if config.outside_polygon is not None:
        enclosed = rng.random(num_targets) < config.outside_share
        room = radii[:num_others]
        for radius, inside in zip(radii[num_others:], enclosed.tolist(), strict=True):
            room.append(config.outer_radius(radius) if inside else radius)
    centres = place(
        room,
        image_size=config.image_size,
        margin=config.line_width / 2,
        overlap=config.overlap,
        occlusion=config.occlusion,
        max_tries=config.max_tries,
        rng=rng,
    )
    if centres is None:
        raise ValueError(
            "Invalid value for `max_shapes`. Expected shapes that find room without "
            "overlap: lower `max_shapes` or `max_radius`, raise `image_size` or "
            f"`max_tries`, or allow `overlap`. Received: max_shapes={config.max_shapes}"
        )
    placements = [
        Placement(shape, x, y, radius, angle, config.filled)
        for shape, (x, y), radius, angle in zip(
            shapes, centres, radii, angles, strict=True
        )
    ]
    others, targets = placements[:num_others], placements[num_others:]
    if config.outside_polygon is not None:
        outside = Shape.from_name(config.outside_polygon)
        for placement, radius in zip(targets, room[num_others:], strict=True):
            if radius != placement.radius:
                others.append(
                    placement._replace(shape=outside, radius=radius, filled=False)
                )
    layers, colours = [others, targets], [config.colour, config.target_colour]
    if config.target_colour is None:
        layers, colours = [others + targets], [config.colour]
    inks, mask, boxes = draw_layers(
        layers,
        image_size=config.image_size,
        line_width=config.line_width,
    )
    picture = paint(
        inks,
        [config.levels(colour) for colour in colours],
        config.levels(config.background),
    )
    if config.noise:
        picture = add_noise(picture, config.noise, rng)
    shapes = [placement.shape for placement in others + targets]
    xml = annotation(
        _stem(index),
        image_size=config.image_size,
        channels=config.channels,
        objects=zip(shapes, boxes, strict=True),
        target=target,
    )
    return picture, mask, xml


def _write_chunk(
    config: PolygonConfig, folder: str, first: int, labels: list[bool]
) -> int:
    """Writes the files of images `first`, `first + 1`, ...; returns their number."""
    for index, positive in enumerate(labels, first):
        stem = _stem(index)
        picture, mask, xml = make_picture(config, index, positive)
        for path, content in (
            (f"{folder}/{IMAGES}/{stem}.png", encode_png(picture)),
            (f"{folder}/{MASKS}/{stem}.png", encode_png(mask, PALETTE)),
            (f"{folder}/{ANNOTATIONS}/{stem}.xml", xml),
        ):
            with open(path, "xb", buffering=0) as file:
                file.write(content)
    return len(labels)


def _write_pictures(
    config: PolygonConfig, folder: Path, workers: int, progress: bool
) -> None:
    """Writes all pictures, masks and annotations."""
    console = Console(stderr=True)
    firsts = range(config.start_index, config.end_index, _CHUNK)
    labels = _labels(config)
    chunks = (list(islice(labels, _CHUNK)) for _ in firsts)
    work = repeat(config), repeat(str(folder)), firsts, chunks
    with Progress(
        *Progress.get_default_columns(),
        MofNCompleteColumn(),
        console=console,
        disable=not (progress and console.is_terminal),
    ) as bar:
        task = bar.add_task("Drawing", total=config.num_images)
        if min(workers, len(firsts)) == 1:
            for count in map(_write_chunk, *work):
                bar.advance(task, count)
            return
        executor = ProcessPoolExecutor(
            min(workers, len(firsts)),
            multiprocessing.get_context("spawn"),  # fork is unsafe beside threads
            signal.signal,
            (signal.SIGINT, signal.SIG_IGN),  # Ctrl-C is for the parent
        )
        try:
            for count in executor.map(_write_chunk, *work):
                bar.advance(task, count)
        finally:
            executor.shutdown(cancel_futures=True)


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
        for entry in _split(config):
            names, signs = (val, target_val) if entry.val else (train, target_train)
            names.write(f"{entry.stem}\n")
            signs.write(f"{entry.stem} {1 if entry.positive else -1:2d}\n")
            counts["images"] += 1
            counts["positives" if entry.positive else "negatives"] += 1
            counts["val" if entry.val else "train"] += 1
    return counts


def _manifest(
    config: PolygonConfig, counts: dict[str, int], old: dict[str, Any] | None
) -> dict[str, Any]:
    part = {
        "start_index": config.start_index,
        "num_images": config.num_images,
        "num_positive": config.positives,
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
    """The manifest of the set to extend, or `None` if there is none.

    Raises:
        FileExistsError: If the folder holds anything else.
    """
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"Cannot write the data set to {out}: it is a file.")
    if not out.exists() or not any(out.iterdir()):
        return None
    try:
        manifest = json.loads((out / MANIFEST).read_text())
        old, new = PolygonConfig(**manifest["config"]), config
        options = ({**asdict(c), **dict.fromkeys(_PER_RUN)} for c in (old, new))
        if next(options) == next(options):
            if config.start_index == manifest["next_index"]:
                return manifest
            raise FileExistsError(
                f"Cannot write the data set to {out}: it exists; to extend it, set "
                f"`start_index` to {manifest['next_index']}."
            )
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        pass
    raise FileExistsError(
        f"Cannot write the data set to {out}: it is neither empty nor a set made with "
        "these options."
    )


def _link_set(old: Path, new: Path) -> None:
    """Gives `new` the files of a set, as hard links; those to be changed as copies."""
    for folder in (IMAGES, ANNOTATIONS, MASKS):
        with os.scandir(old / folder) as entries:
            for entry in entries:
                os.link(entry.path, new / folder / entry.name)
    for path in (old / LISTS).iterdir():
        (new / LISTS / path.name).write_bytes(path.read_bytes())


def _put_in_place(part: Path, out: Path, aside: Path) -> None:
    """Renames `part` to `out`, and what is there to `aside`."""
    if out.exists():
        out.rename(aside)
    try:
        part.rename(out)
    except BaseException:
        if aside.exists():
            aside.rename(out)
        raise
