"""What a learner meets: checks, predictions, points, clicks, the book on their desk."""
