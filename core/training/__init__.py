"""Teach a new head, and the top of a backbone, on somebody's own pictures."""
