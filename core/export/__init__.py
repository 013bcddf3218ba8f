"""Write a trained model for other programs, and verify each file."""
