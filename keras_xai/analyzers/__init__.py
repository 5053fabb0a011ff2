"""Heatmaps from other people's methods, to compare with."""
