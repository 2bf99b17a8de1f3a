"""NVML, read in a worker process that can be killed. Must not know rules nor rendering.

Only `reads.py` imports pynvml, and only the worker process imports `reads.py`.
This file stays empty of imports: it is part of the worker's start-up time.
"""
