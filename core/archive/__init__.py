"""Extract untrusted zips and find the pictures that people name: the only extractor."""
