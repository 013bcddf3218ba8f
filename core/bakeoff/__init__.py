"""Compare the available backbones on a dataset before training on one."""
