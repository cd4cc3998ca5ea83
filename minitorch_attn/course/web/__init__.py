"""Building the web edition: the book as pages that open from the disk, without Python."""
