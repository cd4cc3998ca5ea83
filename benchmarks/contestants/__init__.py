"""Who takes part: one module a family, each with `VERSIONS`, `prepare` and what it can do."""
