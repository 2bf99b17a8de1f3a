"""Finds the GPU a text means: exact, by alias, or with the words that do not matter left out.

Must not know any product: the table is given.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from envcheck.kb.gpus import Gpu

How = Literal["exact", "loose", "ambiguous", "unknown"]


class GpuMatch(msgspec.Struct, frozen=True, kw_only=True):
    """What a text was taken for. `gpu` is None when it is unknown or fits unlike products."""

    how: How
    gpu: Gpu | None = None
    suggestions: tuple[str, ...] = ()


_SUGGESTIONS = 6
# Words of the maker, and words that say nothing of the chip.
_NOISE = frozenset({"nvidia", "corporation", "gpu", "graphics", "card", "device", "r", "tm", "c"})
_BRANDS = frozenset({"geforce", "tesla"})
# What a seller or the driver appends: memory, form factor, clock variants.
_EXTRA = re.compile(
    r"\d+gb?|gb|pcie|pci|sxm\d?|hbm\d?e?|gddr\d\w?|oem|ls|lhr|oc|founders|edition|desktop|server"
    r"|\d+[abcq]|grid|x\d|\d+x|developer|kit|module"
)
_LAPTOP = re.compile(r"\b(?:mobile|notebook|laptop gpu|laptop|with max q design|max q)\b")
_JOINED = re.compile(
    r"\b(rtx|gtx|gt|quadro|tesla|geforce|titan|jetson)(?=\d)|(?<=\d)(?=(?:ti|super)\b)"
)
_CUT = re.compile(r"(\S.*\S) ?\.{3}")  # nvidia-smi cuts long names: "NVIDIA RTX 4000 Ada Gener..."
_MIG = re.compile(r"\s+mig\s.*$")


def find(text: str, spellings: Sequence[tuple[str, Gpu]]) -> GpuMatch:
    """The product `text` names. Several fitting products count as one when they have one SM."""
    cut = _CUT.fullmatch(text.strip())
    if cut:
        begun = [gpu for name, gpu in spellings if name.lower().startswith(cut[1].lower())]
        begun.sort(key=lambda gpu: len(gpu.name))
        return _one("loose", begun) if begun else GpuMatch(how="unknown")
    wanted = _words(text)
    known = [(_words(spelling), gpu) for spelling, gpu in spellings]
    if not wanted:
        return GpuMatch(how="unknown")
    exact = [gpu for words, gpu in known if words == wanted]
    if exact:
        return _one("exact", exact)
    bare = wanted - _BRANDS
    # The text says less than the full name ("4090"), or more ("RTX 4090 24GB").
    wider = [(words - _BRANDS - bare, gpu) for words, gpu in known if bare <= words - _BRANDS]
    if bare and wider:
        wider.sort(key=lambda pair: (_weight(pair[0]), len(pair[0])))
        return _one("loose", [gpu for _, gpu in wider])
    narrower = [
        (len(words), gpu)
        for words, gpu in known
        if words - _BRANDS <= bare
        and all(_EXTRA.fullmatch(word) for word in bare - (words - _BRANDS))
    ]
    if narrower:
        longest = max(length for length, _ in narrower)
        return _one("loose", [gpu for length, gpu in narrower if length == longest])
    return GpuMatch(how="unknown", suggestions=_close(text, spellings))


def _one(how: How, gpus: Sequence[Gpu]) -> GpuMatch:
    names = tuple(dict.fromkeys(gpu.name for gpu in gpus))
    if len({gpu.sm for gpu in gpus}) > 1:
        return GpuMatch(how="ambiguous", suggestions=names[:_SUGGESTIONS])
    return GpuMatch(how=how, gpu=gpus[0])


def _weight(words: frozenset[str]) -> int:
    return sum(_EXTRA.fullmatch(word) is None for word in words)


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(_plain(text).split()) - _NOISE


def _plain(text: str) -> str:
    """ "NVIDIA GeForce RTX4090 Mobile" → "nvidia geforce rtx 4090 laptop"."""
    lowered = re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
    lowered = _LAPTOP.sub("laptop", _MIG.sub("", lowered))
    return _JOINED.sub(lambda match: (match[1] or "") + " ", lowered)


def _close(text: str, spellings: Iterable[tuple[str, Gpu]]) -> tuple[str, ...]:
    from difflib import get_close_matches  # only the unlucky pay for it

    def bare(spelling: str) -> str:
        return " ".join(w for w in _plain(spelling).split() if w not in _NOISE | _BRANDS)

    names = {bare(spelling): gpu.name for spelling, gpu in spellings}
    wanted = bare(text)
    models = {word for word in wanted.split() if re.search(r"\d{2}", word)}
    same_model = [name for name in names if models & set(name.split())]
    near = get_close_matches(wanted, names, n=_SUGGESTIONS, cutoff=0.6)
    return tuple(dict.fromkeys(names[key] for key in (*same_model, *near)))[:_SUGGESTIONS]
