"""Builders of plain Keras functional models."""
