"""Python in the page: the cells of the web edition run and are checked in the reader's browser."""
