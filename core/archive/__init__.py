"""Unpack untrusted archives (no other package does), and find pictures in them and in folders."""
