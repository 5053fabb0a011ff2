"""Explanations that are part of a Keras model, or decoded from one."""

__version__ = "0.1.0"
