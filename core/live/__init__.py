"""Models for the live view: parts for the browser, prediction on the server, camera check."""
