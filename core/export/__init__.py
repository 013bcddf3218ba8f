"""Turn a trained run into files that work elsewhere, and prove it."""
