"""Which files of an image say something about torch and CUDA. Must not know what they say."""

import re
from typing import Literal

SMALL = 4 << 20  # bytes of a text file that is kept
LARGEST = 8 << 30  # bytes of a library; torch's largest has 1.6 GB

# text: kept as it is; binary: compiled code, kept as a skeleton; named: it counts that it is there.
Sort = Literal["text", "binary", "named", ""]

_IGNORED = (".pyc", ".h", ".hpp", ".cuh", ".pyi", ".html", ".js", ".css", ".png", ".svg", ".mo",
            ".gz", ".md", ".rst", ".cmake", ".a")  # fmt: skip
_LIBRARY = re.compile(r"[^/]+\.so(?:\.[\w.-]+)?")
_PROGRAM = re.compile(
    r"(?:python[\d.]*[a-z]?|nvcc|(?:gcc|g\+\+|clang|clang\+\+)(?:-\d+)?|cc|c\+\+|ffmpeg|env|sh|bash"
    r"|dash|busybox|nvidia-smi)"
)
_TEXT_NAMES = {
    "os-release", "debian_version", "alpine-release", "nv_tegra_release", "ld.so.conf",
    "ld.so.cache", "ld.so.preload", "pyvenv.cfg", "METADATA", "RECORD", "INSTALLER", "WHEEL",
    "PKG-INFO", "direct_url.json", "top_level.txt", "requires.txt", "version.py",
}  # fmt: skip
_TEXT = re.compile(
    r"(?:^|/)(?:etc/ld\.so\.conf\.d/[^/]+|conda-meta/[^/]+\.json|[^/]+\.(?:pth|egg-link|egg-info)"
    r"|(?:cuda[^/]*|nvidia/[^/]+)/(?:version\.(?:json|txt)|include/cuda\.h)"
    r"|var/lib/dpkg/(?:status|info/[^/]*(?:nvidia|cuda|cudnn|nccl)[^/]*))$"
)
# Modules of the standard library and of packages tell a real folder from an empty one.
_NAMED = ("/os.py", "/__init__.py", "/nvcc.profile")
_PART = re.compile(r"/(?:site|dist)-packages/(?:torch\w*|detectron2)/(?:lib/|bin/)?[^/]+$")


def sort(path: str, size: int) -> Sort:
    """What is kept of a file."""
    name = path.rpartition("/")[2]
    if name.endswith(_IGNORED) and name != "cuda.h":
        return ""
    if ".so" in name and _LIBRARY.fullmatch(name):
        return "binary" if size <= LARGEST else "named"
    if size <= SMALL and (name in _TEXT_NAMES or _TEXT.search(path)):
        return "text"
    if ("/bin/" in path or path.startswith(("bin/", "sbin/"))) and _PROGRAM.fullmatch(name):
        return "binary"
    if path.endswith(_NAMED) or _PART.search(path):
        return "named"
    return ""
