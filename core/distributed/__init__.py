"""Run jobs, feature extraction and fine-tuning on the machines of a Ray cluster."""
