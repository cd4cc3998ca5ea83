"""Scores of what a model says, on NumPy arrays: each by its published definition."""
