"""Grading a class: marks that can be trusted, also where a submission is hostile."""
