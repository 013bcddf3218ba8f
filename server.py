"""Tusker's pages with the HTTP endpoint beside them; `make serve` runs this in place of app.py."""

import streamlit as st

import api
from core import settings

app = st.App("app.py", routes=api.routes(settings.load()))
