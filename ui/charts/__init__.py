"""Charts as pure functions: data in, Plotly figure out, no Streamlit."""
