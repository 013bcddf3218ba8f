"""Unpack untrusted zips (nothing else does), and find pictures in files, folders and zips."""
