"""Measures of how well something was done, in NumPy alone: nothing here records or trains."""
