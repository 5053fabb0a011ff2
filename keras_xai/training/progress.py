"""One line an epoch, and a bar with the time that is left."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from keras_xai.training.config import JointConfig
from keras_xai.training.runs import LogRow


class EpochReport:
    """Prints log rows as they come; silent when asked to be quiet.

    Args:
        config: the training to follow.
        quiet: whether to print nothing.
    """

    def __init__(self, config: JointConfig, *, quiet: bool) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.bar = Progress(
            "{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.epochs_before = {}
        total = 0
        for stage in config.stages:
            self.epochs_before[stage.name] = total
            total += stage.epochs
        self.task = self.bar.add_task("epochs", total=total)

    def __enter__(self) -> "EpochReport":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def __call__(self, row: LogRow) -> None:
        epoch = int(row["epoch"])
        self.bar.update(self.task, completed=self.epochs_before[row["stage"]] + epoch)
        parts = [
            f"{row['stage']:>10} {epoch:3d}",
            f"loss {row['loss']:7.4f}",
            f"val accuracy {row['val_accuracy']:.3f}",
            f"(majority {row['majority_rate']:.3f})",
        ]
        if "val_coverage" in row:
            parts.append(f"mask mean {row['val_coverage']:.4f}")
        if "val_pointing_game" in row:
            parts.append(f"pointing game {row['val_pointing_game']:.3f}")
            parts.append(f"mass on target {row['val_mass_on_target']:.3f}")
        self.console.print("  ".join(parts))
