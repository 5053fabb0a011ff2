"""From the folders that the other verbs make to one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from keras_xai.datasets.classification import list_class_files
from keras_xai.errors import InputError
from keras_xai.report import comparison, decisions, decodings, explanations, runs
from keras_xai.report.formats import enumerate_words
from keras_xai.report.page import Section, write_page
from keras_xai.report.run_files import read_run

FolderKind = Literal[
    "run", "decisions", "explanations", "comparison", "decoding", "data"
]
# What tells a folder of each kind: one of these in it.
MARKS: dict[FolderKind, tuple[str, ...]] = {
    "comparison": ("comparison.json",),
    "run": ("log.csv",),
    "decisions": ("decisions.json",),
    "explanations": ("masks.npz", "predictions.csv"),
    "decoding": ("settings.json", "reconstructions.npz"),
    "data": ("JPEGImages",),
}
# The page's words for one and for several, in the order of its sections.
WORDS: dict[FolderKind, tuple[str, str]] = {
    "run": ("a run", "runs"),
    "explanations": ("explanations", "sets of explanations"),
    "decisions": ("explained decisions", "sets of explained decisions"),
    "comparison": ("a comparison", "comparisons"),
    "decoding": ("a decoded layer", "decoded layers"),
}


def write_report(folders: Sequence[Path], out_path: Path) -> None:
    """Writes what folders hold as one HTML file that needs nothing else.

    Args:
        folders: any mix of folders of `train`, `explain`, `compare` and `decode`, each
            recognised by what it holds; explanations of a run bring the decisions of
            its classifier, if they were explained, with them. A data set, a folder or
            an .npz file, adds images and true labels to explanations.
        out_path: the HTML file; an older one is replaced. It appears when it is whole.

    Raises:
        InputError: if a folder is none of these, or something in it is missing or
            broken.
    """
    if out_path.suffix.lower() not in (".html", ".htm") or out_path.is_dir():
        raise InputError(
            f"{out_path} is no name for the page; expected a file that ends in .html."
        )
    found: dict[FolderKind, list[Path]] = {kind: [] for kind in MARKS}
    for i, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:i]]:
            raise InputError(f"{folder} is given twice; expected each folder once.")
        found[recognise(folder)].append(folder)
    found["decisions"] += _find_nested(found)
    if len(found["data"]) > 1:
        raise InputError(
            f"{' and '.join(map(str, found['data']))} are data sets; expected at most "
            "one, which the explanations belong to."
        )
    if len(found["data"]) == len(folders):
        raise InputError(
            "There is nothing to report; expected a folder made by train, explain, "
            "compare or decode."
        )
    if found["data"] and not (found["run"] or found["explanations"]):
        raise InputError(
            f"{found['data'][0]} is a data set, which tells of runs and explanations "
            "alone; expected one of them beside it, or no data set."
        )
    sections = _build_sections(found)
    write_page(sections, _title(found, sections), out_path)


def recognise(folder: Path) -> FolderKind:
    """Tells what made a folder from what it holds.

    Raises:
        InputError: if it is missing, or none of the kinds that a page is made of.
    """
    if folder.is_file() and folder.suffix == ".npz":
        return "data"
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {what}; expected one that a verb has made.")
    for kind, names in MARKS.items():
        if any((folder / name).exists() for name in names):
            return kind
    try:
        list_class_files(folder)
        return "data"
    except InputError as error:
        reason = error
    raise InputError(
        f"{folder} is none that a report is made of; expected a folder made by train "
        "(log.csv, after its first epoch), explain (predictions.csv), compare "
        "(comparison.json, once it is finished) or decode (settings.json); or a data "
        "set, in VOC layout, with one folder of images a class, or an .npz file. As "
        "class folders: "
        f"{reason}"
    )


def _find_nested(found: dict[FolderKind, list[Path]]) -> list[Path]:
    """Finds decisions that `explain` put beside a run's masks and nobody has named."""
    named = [folder.resolve() for folder in found["decisions"]]
    nested = [folder / "classifier" for folder in found["explanations"]]
    return [
        folder
        for folder in nested
        if folder.resolve() not in named and (folder / "decisions.json").exists()
    ]


def _build_sections(found: dict[FolderKind, list[Path]]) -> list[Section]:
    data_dir = found["data"][0] if found["data"] else None
    sections = []
    if found["run"]:
        read = [read_run(folder) for folder in found["run"]]
        sections.append(runs.build_section(read, data_dir))
    sections += _number(
        [explanations.build_section(f, data_dir) for f in found["explanations"]],
        found["explanations"],
    )
    sections += _number(
        [decisions.build_section(folder) for folder in found["decisions"]],
        found["decisions"],
    )
    sections += _number(
        [comparison.build_section(folder) for folder in found["comparison"]],
        found["comparison"],
    )
    if found["decoding"]:
        sections.append(decodings.build_section(found["decoding"]))
    return sections


def _number(sections: list[Section], folders: list[Path]) -> list[Section]:
    """Tells sections of one kind apart: by the folder's name, if there are several."""
    if len(sections) == 1:
        return sections
    return [
        section._replace(
            anchor=f"{section.anchor}-{i + 1}",
            title=f"{section.title}: {folder.resolve().name}",
        )
        for i, (section, folder) in enumerate(zip(sections, folders, strict=True))
    ]


def _title(found: dict[FolderKind, list[Path]], sections: Sequence[Section]) -> str:
    if len(sections) == 1:
        return sections[0].headline
    parts = [
        one if len(found[kind]) == 1 else f"{len(found[kind])} {several}"
        for kind, (one, several) in WORDS.items()
        if found[kind]
    ]
    title = enumerate_words(parts)
    return title[0].upper() + title[1:]
