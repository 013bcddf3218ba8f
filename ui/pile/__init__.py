"""The unsorted pile: pictures without classes become a dataset on the Train page."""
