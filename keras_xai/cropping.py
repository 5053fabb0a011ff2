"""From photographs with boxes to a VOC folder of windows with and without a target."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_xai.datasets.annotations import Annotation, write_annotation
from keras_xai.datasets.crops import Crop, cut_photographs, hold_out
from keras_xai.datasets.images import write_png
from keras_xai.errors import InputError
from keras_xai.folders import new_folder


def write_crops(
    folder: Path,
    out_dir: Path,
    *,
    target: str,
    image_size: int,
    windows_per_box: int = 4,
    max_share: float = 1.0,
    seed: int = 0,
    report: Callable[[int], None] = lambda done: None,
) -> None:
    """Cuts windows out of photographs, as `read_crops` does, and writes them.

    The folder receives JPEGImages (PNG files), Annotations, ImageSets/Main/train.txt
    and val.txt, and manifest.json, which names the target. It appears when it is whole;
    memory does not grow with the number of photographs, but for a thumbnail of each.

    Args:
        folder: see `read_crops`.
        out_dir: the folder to make.
        target: the class to find.
        image_size: height and width that windows are resized to.
        windows_per_box: positives a box, and negatives where there is room.
        max_share: of a window that the target's boxes may fill; others are left out,
            because in them any mask lies in the box.
        seed: of windows and split.
        report: called with the number of annotations that are done.

    Raises:
        InputError: as `read_crops` does, if a number is out of range, or `out_dir` is
            not empty.
    """
    _check_range("image_size", image_size, 1, None)
    _check_range("windows_per_box", windows_per_box, 1, None)
    _check_range("max_share", max_share, 0, 1)
    names: list[list[str]] = []  # a list a photograph
    thumbnails: list[np.ndarray] = []
    positives: set[str] = set()
    with new_folder(out_dir) as part:
        for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (part / name).mkdir(parents=True)
        photographs = cut_photographs(
            folder,
            target=target,
            image_size=image_size,
            windows_per_box=windows_per_box,
            seed=seed,
        )
        for photograph in photographs:
            thumbnails.append(photograph.thumbnail)
            names.append([])
            for crop in photograph.crops:
                share = _target_share(crop.annotation, target)
                stem = Path(crop.annotation.filename).stem
                if share > max_share or stem in names[-1]:  # or drawn twice
                    continue
                _write(part, stem, crop)
                names[-1].append(stem)
                if share > 0:
                    positives.add(stem)
            report(photograph.place + 1)
        held_out = hold_out(thumbnails, seed)
        counts = {}
        for subset, is_validation in (("train", False), ("val", True)):
            listed = [
                name
                for windows, is_held_out in zip(names, held_out, strict=True)
                if is_held_out == is_validation
                for name in windows
            ]
            num_positive = len(positives.intersection(listed))
            if num_positive in (0, len(listed)):
                raise InputError(
                    f"There are {num_positive} windows with and "
                    f"{len(listed) - num_positive} without '{target}' in the {subset} "
                    f"photographs of {folder}; expected some of each."
                )
            text = "".join(f"{name}\n" for name in listed)
            (part / f"ImageSets/Main/{subset}.txt").write_text(text, encoding="utf-8")
            counts[subset] = {"images": len(listed), "positive": num_positive}
        manifest = {
            "target": {"name": target},
            "image_size": image_size,
            "windows_per_box": windows_per_box,
            "max_share": max_share,
            "seed": seed,
            "num_photographs": len(names),
            "counts": counts,
        }
        text = json.dumps(manifest, indent=2) + "\n"
        (part / "manifest.json").write_text(text, encoding="utf-8")


def _write(folder: Path, stem: str, crop: Crop) -> None:
    annotation = crop.annotation._replace(filename=f"{stem}.png")
    write_png(folder / "JPEGImages" / f"{stem}.png", crop.image)
    write_annotation(folder / "Annotations" / f"{stem}.xml", annotation, 3)


def _target_share(annotation: Annotation, target: str) -> float:
    """Measures the share of an image that the target's boxes fill together."""
    inside = np.zeros((annotation.height, annotation.width), bool)
    for name, (xmin, ymin, xmax, ymax) in annotation.objects:
        if name == target:
            inside[ymin:ymax, xmin:xmax] = True
    return float(inside.mean())


def _check_range(name: str, value: float, least: float, most: float | None) -> None:
    if not (value >= least and (most is None or value <= most)):
        wanted = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(
            f"Invalid value for `{name}`. Expected a number {wanted}. "
            f"Received: {name}={value}"
        )
