"""The Train page: pictures, method, start."""
