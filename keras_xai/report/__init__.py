"""Reports of what was measured, made from files alone."""
