"""Streamlit code that two pages share, and all that would make a page long."""
