"""Progress on standard error: bars on a terminal, one line an epoch anywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

if TYPE_CHECKING:
    from keras_xai.training.config import JointConfig
    from keras_xai.training.runs import LogRow


@contextmanager
def progress_bar(
    description: str, total: int, *, quiet: bool
) -> Iterator[Callable[[int], None]]:
    """Shows how much is done.

    Args:
        description: what is counted.
        total: how much there is.
        quiet: whether to show nothing.

    Yields:
        A function to call with the number done so far.
    """
    with _bar(Console(stderr=True, quiet=quiet)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def epoch_lines(
    config: "JointConfig", *, quiet: bool
) -> Iterator[Callable[["LogRow"], None]]:
    """Shows a training's epochs.

    Args:
        config: the training to follow.
        quiet: whether to show nothing.

    Yields:
        A function to call with each new row of the log.
    """
    console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
    epochs_before, total = {}, 0
    for stage in config.stages:
        epochs_before[stage.name] = total
        total += stage.epochs
    with _bar(console) as bar:
        task = bar.add_task("epochs", total=total)

        def show(row: "LogRow") -> None:
            bar.update(task, completed=epochs_before[row["stage"]] + row["epoch"])
            console.print(_epoch_line(row))

        yield show


def _bar(console: Console) -> Progress:
    return Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=console.quiet or not console.is_terminal,
    )


def _epoch_line(row: "LogRow") -> str:
    parts = [
        f"{row['stage']:>10} {row['epoch']:3d}",
        f"loss {row['loss']:7.4f}",
        f"val accuracy {row['val_accuracy']:.3f} (majority {row['majority_rate']:.3f})",
    ]
    if "val_coverage" in row:
        parts.append(f"mask mean {row['val_coverage']:.4f}")
    if "val_pointing_game" in row:
        parts.append(f"pointing game {row['val_pointing_game']:.3f}")
        parts.append(
            f"mass on target {row['val_mass_on_target']:.3f} "
            f"(constant mask {row['target_share']:.3f})"
        )
    return "  ".join(parts)
