"""What a file of weights is, told from its first bytes. Nothing of it is loaded or run.

Must not know the live machine.
"""

import pickletools
from collections.abc import Iterator
from io import BytesIO

from envcheck.facts import Missing, absent
from envcheck.facts.training import Form, Layers

PEEK = 512 << 10  # bytes that are looked at: the names of the first layers stand there
ZIP = b"PK\x03\x04"
PICKLE = (b"\x80", b"(d", b"(l", b"}q")
# torch.save before its files were zip archives: the pickled number 0x1950a86a20f9469cfc6c
TORCH_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
PAGE = (b"<!doctype", b"<html", b"<?xml")
CAFFE2_KEY = "blobs"
LAYER = (".weight", ".bias", ".running_mean")


def read_checkpoint(data: bytes) -> tuple[Form, Layers | Missing]:
    """The form of a file by its first `PEEK` bytes, and whose layer names it holds."""
    if not data.strip():
        return "empty", absent("the file is empty")
    if data.startswith(ZIP):
        size = 30 + int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
        return "torch", _layers(list(_texts(data[size:])))
    if data.lstrip()[:9].lower().startswith(PAGE):
        return "html", absent("it is a web page")
    if not data.startswith(PICKLE):
        return "other", absent("no format of PyTorch or Caffe2")
    texts = list(_texts(data))
    if TORCH_MAGIC in data[:20]:
        return "torch", _layers(texts)
    return ("caffe2" if CAFFE2_KEY in texts[:20] else "pickle"), absent("no state of PyTorch")


def _texts(data: bytes) -> Iterator[str]:
    """The texts in pickles that stand one after another, as far as they can be followed."""
    stream = BytesIO(data)
    try:
        while stream.tell() < len(data):
            for _, argument, _ in pickletools.genops(stream):
                if isinstance(argument, str):
                    yield argument
    except Exception:  # the end of what was read, or no pickle any more
        return


def _layers(texts: list[str]) -> Layers | Missing:
    names = [text for text in texts if text.endswith(LAYER)]
    if not names:
        return absent("no layer names at its beginning")

    def some(*starts: str) -> bool:
        return any(name.startswith(starts) for name in names)

    if some("model."):
        return "wrapped"
    if some("s1."):
        return "pyslowfast"
    if some("patch_embed.proj."):
        return "pyslowfast_mvit"
    return "pytorchvideo" if some("blocks.", "patch_embed.patch_model.") else "other"
