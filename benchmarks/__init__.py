"""Side by side: this engine, the same mathematics by hand, and other libraries, in one run."""
