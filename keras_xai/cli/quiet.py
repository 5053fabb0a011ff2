"""Imports TensorFlow without its start-up notes."""

import os


def import_tensorflow() -> None:
    """Imports TensorFlow; what it writes to standard error meanwhile is dropped.

    Its C++ parts write notes before they read TF_CPP_MIN_LOG_LEVEL. A Python error is
    raised as ever.
    """
    standard_error = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            import tensorflow as tf

            tf.config.list_physical_devices()
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
