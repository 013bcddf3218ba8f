"""Compare the available backbones on a data set before training on one."""
