"""What can go wrong while reading a binary. Every reader in this package raises nothing else."""

from __future__ import annotations


class BinaryError(Exception):
    """The bytes could not be read or understood; the text says why, without the file's name."""


class OpenFailed(BinaryError):
    """The operating system refused to open or read the file; `errno` says how."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.errno = error.errno


class NotAFile(BinaryError):
    """A directory, fifo, socket or device stands where a regular file should be."""


class Truncated(BinaryError):
    """A structure reaches past the end of the file: cut short, or corrupt."""


class NotElf(BinaryError):
    """The file does not start with an ELF header."""


class Unsupported(BinaryError):
    """Well-formed perhaps, but of a kind this package does not read."""


class Malformed(BinaryError):
    """Fields that contradict each other or the format."""


class TooLarge(BinaryError):
    """More data or more entries than any real library has; reading on would not be bounded."""
