"""The grader behind Gradescope."""
