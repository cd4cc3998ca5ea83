"""Reading the sources of the book: chapters, exercises, the table of contents."""
