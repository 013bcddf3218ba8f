"""Find a model by name and ask it: about one picture, or about many as a table."""
