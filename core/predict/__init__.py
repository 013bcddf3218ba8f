"""Find a model by name, evaluate it, and write predictions on many pictures as a table."""
