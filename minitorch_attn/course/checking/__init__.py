"""How an answer is checked: exercises, what they expect, running them, and the report."""
