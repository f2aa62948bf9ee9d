"""The log: one rotating file for its owner alone, and nothing secret in it."""
