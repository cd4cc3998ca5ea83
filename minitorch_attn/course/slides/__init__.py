"""Building the lectures."""
