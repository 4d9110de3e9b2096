"""Look at an installation as an operator would, and say what to do about what is wrong."""
