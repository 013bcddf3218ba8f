"""A trained model, on disk and in memory: load it, predict, detect out-of-distribution pictures."""
