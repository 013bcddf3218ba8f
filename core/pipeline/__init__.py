"""The whole training job, top to bottom, and the worker process that runs jobs."""
