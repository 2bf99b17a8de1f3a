"""envcheck: is this GPU machine fit for PyTorch, and if not, why and which command mends it."""

__version__ = "0.1.0"
