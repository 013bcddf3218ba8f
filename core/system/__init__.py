"""Files, threads, memory, logging and progress for all other packages."""
