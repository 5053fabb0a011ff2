"""One classifier, many explanations: heatmaps of all methods, measured alike."""
