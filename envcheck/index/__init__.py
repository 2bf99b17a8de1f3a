"""The package index pip is configured with, and its wheels read in place.

Must not know torch, the knowledge base, or any address.
"""

from envcheck.index.errors import Dropped, Gone, NoRanges, WebError
from envcheck.index.pip_config import PipConfig, read_pip_config
from envcheck.index.remote_file import RemoteFile, open_file
from envcheck.index.simple import IndexFile, files_of
from envcheck.index.web import PAUSES, Page, Web

__all__ = [
    "PAUSES",
    "Dropped",
    "Gone",
    "IndexFile",
    "NoRanges",
    "Page",
    "PipConfig",
    "RemoteFile",
    "Web",
    "WebError",
    "files_of",
    "open_file",
    "read_pip_config",
]
