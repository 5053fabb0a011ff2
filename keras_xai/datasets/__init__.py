"""Images on disk, read into one shape of data."""
