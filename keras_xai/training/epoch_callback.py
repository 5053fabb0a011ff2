"""What happens around an epoch of the joint training."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_xai.errors import InputError
from keras_xai.training.config import Stage
from keras_xai.training.runs import LogRow


class EpochCallback(keras.callbacks.Callback):
    """Makes every epoch a function of (seed, stage, epoch), then logs and saves it."""

    def __init__(
        self,
        *,
        joint: keras.Model,
        stage: Stage,
        l1_price: keras.Variable,
        l1_weight: Callable[[int], float],
        seed: tuple[int, int],
        evaluate: Callable[[], LogRow],
        save: Callable[[LogRow], None],
        report: Callable[[LogRow], None],
    ) -> None:
        """Prepares the callback of one stage.

        Args:
            joint: the joint model; all its random states are set.
            stage: the stage.
            l1_price: of a unit of mask; set before each epoch.
            l1_weight: from an epoch, counted from 0, to that price.
            seed: entropy of the random states, of training and stage.
            evaluate: measures the validation images.
            save: called with the epoch's log row.
            report: likewise, after it was saved.
        """
        super().__init__()
        self.random_states = [
            variable
            for variable in joint.variables
            if variable.name == "seed_generator_state"
        ]
        self.stage = stage
        self.l1_price, self.l1_weight = l1_price, l1_weight
        self.seed = seed
        self.evaluate, self.save, self.report = evaluate, save, report

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Sets the random states and the price of the mask."""
        for i, state in enumerate(self.random_states):
            words = np.random.SeedSequence((*self.seed, epoch, i)).generate_state(2)
            state.assign(words)
        self.l1_price.assign(self.l1_weight(epoch))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Evaluates, logs and saves.

        Raises:
            InputError: if a loss is not finite; nothing of the epoch is saved then.
        """
        self._check(epoch, "loss", logs["loss"])
        row: LogRow = {"stage": self.stage.name, "epoch": epoch + 1}
        row["loss"] = logs["loss"]
        row["cross_entropy"] = logs.get("probs_loss", logs["loss"])
        if not self.stage.white_mask:
            row["mask_loss"] = sum(
                logs.get(name, 0.0) for name in ("mask_loss", "mask_conv_loss")
            )
            row |= {name: logs[f"mask_{name}"] for name in self.stage.mask_losses}
        row["accuracy"] = logs.get("probs_accuracy", logs.get("accuracy"))
        row |= self.evaluate()  # by the weights that the last step has left
        self._check(epoch, "validation loss", row["val_cross_entropy"])
        logs.update({k: v for k, v in row.items() if isinstance(v, float)})
        self.save(row)
        self.report(row)

    def _check(self, epoch: int, name: str, value: float) -> None:
        if not np.isfinite(value):
            raise InputError(
                f"The {name} became {value} in epoch {epoch + 1} of stage "
                f"'{self.stage.name}'; expected a finite number. Lower its "
                "learning_rate, in a new folder. "
                f"Received: learning_rate={self.stage.learning_rate}"
            )
