"""Building the notebooks and the exercises from their sources."""
