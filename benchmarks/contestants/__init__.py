"""Who takes part: one module a family, each with `start`, `prepare` and what it can do."""
