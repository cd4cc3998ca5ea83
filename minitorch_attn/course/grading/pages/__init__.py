"""What is read afterwards: feedback for students, tables for the instructor."""
