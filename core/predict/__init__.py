"""Find a model by name, and write predictions on many pictures as a table."""
