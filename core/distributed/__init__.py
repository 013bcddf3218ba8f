"""The same work on several machines of a Ray cluster."""
