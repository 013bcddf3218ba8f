"""Files, threads, memory, logging: what every other package may use."""
