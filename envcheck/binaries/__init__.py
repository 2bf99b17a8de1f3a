"""Readers of ELF files, of the GPU code in them, and of the dynamic loader's search.

Pure: bytes in, frozen data out. Must not know torch, rules, or this machine.
"""

from envcheck.binaries.errors import BinaryError

__all__ = ["BinaryError"]
