"""From a split to trained weights in a run folder."""
