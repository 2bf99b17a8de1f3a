"""What the name of a PySlowFast configuration means, part by part.

Must not know the live machine, nor how a decoded name is printed.
"""

import difflib
import re
from functools import lru_cache
from pathlib import Path, PurePosixPath

import msgspec

from envcheck.errors import UsageError
from envcheck.kb.rows import NonEmpty, Row, read_file
from envcheck.video.catalogue import architectures
from envcheck.video.upstream import Config, called, configs

DATA = Path(__file__).parent / "data/names.toml"
ENDINGS = (".yaml", ".yml", ".pkl", ".pyth", ".pth", ".pt")
LONGEST = 200  # characters of a name
FAST_RATE = 2  # frames between two of the fast pathway, in every published configuration
ALPHA = 4  # and what alpha is where the name gives the clip
LEAST_SLOW_RATE = 4  # a slow pathway is never sampled more often: below it TxS is the clip


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a name."""

    text: str
    kind: str  # "model", "clip", "slow" (pathway), "backbone" …; "unknown"
    means: str = ""


class Decoded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A name, read. Rates are frames of the video from one sampled frame to the next."""

    name: str
    known: bool  # what it holds is known; otherwise it is read by the grammar alone
    parts: tuple[Part, ...]
    frames: int | None = None  # of the clip; the fast pathway's, where there are two
    rate: int | None = None
    slow_frames: int | None = None
    slow_rate: int | None = None
    depth: int | None = None
    wrong: tuple[str, ...] = ()  # what the name says and its configuration does not hold
    misreadings: tuple[str, ...] = ()
    configs: tuple[Config, ...] = ()  # the published configurations of this name
    architecture: str = ""  # pytorchvideo's of this name: `envcheck smoke slowfast --model`


class Word(Row, frozen=True, kw_only=True):
    """A part that is a word, and what it means."""

    spell: tuple[NonEmpty, ...]  # upper case
    kind_of: NonEmpty
    means: NonEmpty


class Misreading(Row, frozen=True, kw_only=True):
    """What is commonly misunderstood in a name that holds all of `parts`."""

    parts: tuple[NonEmpty, ...]  # spellings or kinds
    text: NonEmpty


class Depths(Row, frozen=True, kw_only=True):
    """The depths of ResNet that PySlowFast builds."""

    built: tuple[int, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    depths: Depths
    part: tuple[Word, ...]
    misreading: tuple[Misreading, ...]


@lru_cache
def _known() -> _File:
    return read_file(DATA, _File)


def decode(asked: str) -> Decoded:
    """What a name means; a folder before it and a file's ending after it are allowed.

    Raises:
        UsageError: it names no model; names near it are suggested.
    """
    name, folders = _split(asked)
    found = called(name, folders)
    built = architectures().get(name.casefold())
    parts = _Reader(name, _clip_is(found, folders)).parts
    if not any(part.kind == "model" for part in parts):
        raise UsageError(_no_model(name))
    clip = next((part for part in parts if part.kind in ("slow", "clip")), None)
    frames = rate = slow_frames = slow_rate = depth = None
    right = [config for config in found if config.clip_means != "wrong"] or found
    if right:
        frames, rate, depth = right[0].frames, right[0].rate, right[0].depth
        slow_frames, slow_rate = right[0].slow_frames, right[0].slow_rate
    elif built:
        frames, rate = built.frames, built.rate
        if built.alpha:
            slow_frames, slow_rate = frames // built.alpha, rate * built.alpha
    elif clip:
        frames, rate, slow_frames, slow_rate = _clip(clip, _is_slowfast(parts))
    if depth is None:
        depth = next((int(p.text[1:]) for p in parts if p.kind == "backbone"), None)
    return Decoded(
        name=name,
        known=bool(found or built),
        parts=tuple(_meaning(part, parts, found) for part in parts),
        frames=frames,
        rate=rate,
        slow_frames=slow_frames,
        slow_rate=slow_rate,
        depth=depth,
        wrong=tuple(_wrong(config, clip) for config in found if config.clip_means == "wrong"),
        misreadings=_misreadings(parts),
        configs=found,
        architecture=built.name if built else "",
    )


class _Reader:
    """Reads the parts of a name one after another; what a part is depends on those before it."""

    def __init__(self, name: str, clip_is: str) -> None:
        self.parts: list[Part] = []
        self._clip_is = clip_is
        texts = re.sub(r"(?i)^((?:.*_)?slow)(r\d+)", r"\1_\2", name).split("_")
        place = 0
        while place < len(texts):
            pair = "_".join(texts[place : place + 2])
            if self._last("backbone") and re.fullmatch(r"(50|101)_(50|101)", pair):
                self.parts.append(Part(pair, "temporal"))
                place += 2
                continue
            self.parts.append(self._part(texts[place]))
            place += 1

    def _part(self, text: str) -> Part:
        if re.fullmatch(r"[1-9]\d{0,3}x[1-9]\d{0,3}", text):
            return Part(text, self._clip_kind(text))
        if re.fullmatch(r"[Rr]\d{1,4}", text):
            return Part(text, "backbone")
        if re.fullmatch(r"[Vv]\d\.\d", text):
            return Part(text, "annotations")
        if text.isdecimal() and text.isascii() and self._last("size", "model"):
            return Part(text, "layers" if len(text) < 3 else "crop")
        same = [word for word in _known().part if text.upper() in word.spell]
        started = any(part.kind == "model" for part in self.parts)
        for word in same:
            if len(same) == 1 or (word.kind_of == "prefix") is not started:
                return Part(text, word.kind_of, word.means)
        return Part(text, "unknown")

    def _clip_kind(self, text: str) -> str:
        if not _is_slowfast(self.parts):
            return "clip"
        if self._clip_is:
            return self._clip_is
        rate = int(text.partition("x")[2])
        return "slow" if rate >= LEAST_SLOW_RATE else "clip"

    def _last(self, *kinds: str) -> bool:
        return bool(self.parts) and self.parts[-1].kind in kinds


def _split(asked: str) -> tuple[str, tuple[str, ...]]:
    """The bare name and the folders before it."""
    if len(asked) > LONGEST:
        raise UsageError(f"a name of {len(asked)} characters is none: {asked[:40]!r} …")
    path = PurePosixPath(asked.strip())
    name = path.name
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    if not name or not name.isprintable():
        raise UsageError(f"{asked!r} is no name of a configuration")
    return name, path.parent.parts


def _clip_is(found: tuple[Config, ...], folders: tuple[str, ...]) -> str:
    """What TxS is in a SlowFast configuration of these, or in this folder; "" is not known."""
    for config in found:
        if config.clip_means in ("clip", "slow"):
            return config.clip_means
    for folder in reversed(folders):
        if folder.casefold() == "ava":
            return "clip"
        if folder.casefold() in ("kinetics", "ssv2", "charades"):
            return "slow"
    return ""


def _is_slowfast(parts: "list[Part]") -> bool:
    return any(part.text.upper() == "SLOWFAST" for part in parts)


def _clip(part: Part, slowfast: bool) -> tuple[int, int, int | None, int | None]:
    """Frames and rate of the clip and of the slow pathway, as published models are sampled."""
    frames, rate = (int(number) for number in part.text.split("x"))
    if part.kind == "slow":
        fast = FAST_RATE if rate % FAST_RATE == 0 else 1
        return frames * rate // fast, fast, frames, rate
    if slowfast:
        return frames, rate, max(1, frames // ALPHA), rate * ALPHA
    return frames, rate, None, None


def _meaning(part: Part, parts: list[Part], found: tuple[Config, ...]) -> Part:
    """The part with the meaning of its numbers; where no configuration holds them, what they do."""
    if part.means:
        return part
    if part.kind == "clip" and found and all(c.clip_means == "wrong" for c in found):
        rate = every(found[0].rate)
        return Part(part.text, part.kind, f"wrong: the clip is {found[0].frames} frames, {rate}")
    return Part(part.text, part.kind, _words(part, _is_slowfast(parts)))


def _words(part: Part, slowfast: bool) -> str:
    if part.kind == "unknown":
        return f"not a known part of such names{_near(part.text)}"
    if part.kind in ("slow", "clip"):
        frames, rate, slow_frames, slow_rate = _clip(part, slowfast)
        clip = f"{frames} frames, {every(rate)}"
        if part.kind == "slow":
            return f"the slow pathway: {slow_frames} frames, {every(slow_rate)}; the clip is {clip}"
        if slowfast:
            return f"the clip: {clip}; the slow pathway sees {slow_frames}, {every(slow_rate)}"
        return f"the clip: {clip}"
    if part.kind == "backbone":
        depths = _known().depths.built
        built = ", ".join(map(str, depths[:-1])) + f" and {depths[-1]}"
        only = "" if int(part.text[1:]) in depths else f"; PySlowFast builds {built} only"
        return f"a ResNet of {int(part.text[1:])} layers{only}"
    if part.kind == "temporal":
        where = {"50": "the first 6 blocks", "101": "all 23 blocks"}
        slow, fast = (where[text] for text in part.text.split("_"))
        return f"temporal kernels in {slow} of res4 (slow pathway) and in {fast} (fast)"
    if part.kind == "layers":
        return f"{int(part.text)} blocks, an image model: 1 frame"
    if part.kind == "crop":
        return f"crops of {int(part.text)} pixels"
    return f"AVA's annotations, version {part.text[1:]}"


def _near(text: str) -> str:
    spelled = [spelling for word in _known().part for spelling in word.spell]
    spelled += [f"R{depth}" for depth in _known().depths.built]
    near = difflib.get_close_matches(text.upper(), spelled, 1, cutoff=0.65)
    return f"; is it {near[0]}?" if near else ""


def every(rate: int | None) -> str:
    """ "every 2nd": a rate in words."""
    if rate is None or rate == 1:
        return "each one"
    tail = {1: "st", 2: "nd", 3: "rd"}.get(rate % 10 if rate % 100 not in (11, 12, 13) else 0, "th")
    return f"every {rate}{tail}"


def _wrong(config: Config, clip: Part | None) -> str:
    said = clip.text if clip else ""
    return f"{config.path} says {said} in its name and samples {config.frames}x{config.rate}"


def _misreadings(parts: list[Part]) -> tuple[str, ...]:
    there = {part.text.upper() for part in parts} | {part.kind for part in parts}
    return tuple(row.text for row in _known().misreading if there.issuperset(row.parts))


def _no_model(name: str) -> str:
    names = {config.name.casefold(): config.name for config in configs()}
    names |= {known.casefold(): known for known in architectures()}
    near = difflib.get_close_matches(name.casefold(), names, 3, cutoff=0.5)
    if near:
        return f"{name!r} names no model: did you mean {', '.join(names[one] for one in near)}?"
    models = [word.spell[0] for word in _known().part if word.kind_of == "model"]
    return f"{name!r} names no model; names hold one of {', '.join(models)}"
