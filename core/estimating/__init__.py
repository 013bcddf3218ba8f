"""Estimate how much time, memory and disk a training will take."""
