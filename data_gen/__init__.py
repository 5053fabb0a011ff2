"""Generates polygon data sets in the PASCAL VOC layout, with masks and boxes."""

__version__ = "0.1.0"
