"""The Reports page: the list of runs, one report, several compared."""
