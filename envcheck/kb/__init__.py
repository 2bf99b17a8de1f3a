"""World facts with source and date: drivers, CUDA, GPUs, torch. Must not know any machine.

Types of rows and tables are imported from their own modules: `envcheck.kb.builds.Build`.
"""

from envcheck.kb.knowledge import PACKAGED, Knowledge, load
from envcheck.kb.packages import Guard
from envcheck.kb.rows import KnowledgeError
from envcheck.kb.sm import Sm, SmError
from envcheck.kb.versions import VersionError, minor, order

__all__ = [
    "PACKAGED",
    "Guard",
    "Knowledge",
    "KnowledgeError",
    "Sm",
    "SmError",
    "VersionError",
    "load",
    "minor",
    "order",
]
