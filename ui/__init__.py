"""The Streamlit code of the pages, apart from the page scripts."""
