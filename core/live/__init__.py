"""Models for the live view: parts for the browser, frames predicted here, and the camera check."""
