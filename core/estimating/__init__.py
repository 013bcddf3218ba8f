"""What a training will take: seconds, memory and disk."""
