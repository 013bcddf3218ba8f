"""A trained model, on disk and in memory: load it, ask it, tell what is unlike its data."""
