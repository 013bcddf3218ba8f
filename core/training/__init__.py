"""Train a head, and the top stages of a backbone, on a user's pictures."""
