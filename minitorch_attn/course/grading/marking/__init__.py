"""What decides a mark: all in this room and nothing else of the grader."""
