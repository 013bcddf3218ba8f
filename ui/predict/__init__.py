"""The Predict page: pictures, model, answers."""
