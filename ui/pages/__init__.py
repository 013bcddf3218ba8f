"""The scripts of the pages, which `app.py` runs."""
