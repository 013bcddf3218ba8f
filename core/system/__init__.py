"""Files, threads, memory and logging for all other packages."""
