"""The papers' experiments: which cells there are, and what became of each claim."""
