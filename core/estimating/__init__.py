"""How long a training will take, and how much memory and disk."""
