"""The whole training job, from top to bottom, and the worker process that runs jobs."""
