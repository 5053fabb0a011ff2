"""Measures over arrays; nothing here knows Keras."""
