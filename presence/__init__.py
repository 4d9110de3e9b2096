"""The kernel: what presence is, without any I/O."""
