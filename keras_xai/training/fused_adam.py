"""Adam, each variable's update in one pass over memory."""

from typing import Any

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam by TensorFlow's own kernel for it.

    Keras writes an update as eleven operations, each of which reads and writes arrays
    of the variable's size: a tenth of a small network's step. State, equations and
    results are Keras', but for rounding. It is for trainings, not for saved models.

    Args:
        learning_rate: a number or a schedule; all else is Keras' default.

    Reference:
        Kingma and Ba, "Adam: A method for stochastic optimization" (2014), Sec. 2, the
        more efficient order.
    """

    def __init__(self, learning_rate: Any) -> None:
        """Takes what the class' docstring says."""
        super().__init__(learning_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable and its moments."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.cast(self.beta_1, variable.dtype) ** step,
            beta2_power=tf.cast(self.beta_2, variable.dtype) ** step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )
