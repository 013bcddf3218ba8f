"""What the README claims, as programs that print it."""
