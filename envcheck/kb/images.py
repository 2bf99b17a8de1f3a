"""What the names of container images say. Must not know any registry."""

import re

import msgspec

from envcheck.kb.rows import NonEmpty, Row, VersionText


class System(Row, frozen=True, kw_only=True):
    """The distribution in an image, by the word for it in tags."""

    name: NonEmpty  # "ubuntu22.04"
    aliases: tuple[str, ...] = ()  # "jammy", "ubuntu:22.04"
    python: VersionText | None = None  # its own python3
    glibc: VersionText | None = None
    libc: str = "glibc"


class Image(Row, frozen=True, kw_only=True):
    """A family of images whose tags hold versions."""

    name: NonEmpty  # "nvidia/cuda"
    tag: NonEmpty  # "{cuda}-": the beginning of a tag


class ImageFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    system: tuple[System, ...]
    image: tuple[Image, ...]


class Named(msgspec.Struct, frozen=True):
    """What one image's name says."""

    versions: dict[str, str]  # of "cuda", "torch", "python", where the tag holds them
    system: System | None


class ImageTable:
    """Look-ups over images.toml."""

    def __init__(self, file: ImageFile) -> None:
        self._images = [(row, _pattern(row.tag)) for row in file.image]
        self._systems = file.system

    def named(self, image: str) -> Named:
        """What "nvidia/cuda:12.1.1-cudnn8-runtime-ubuntu22.04" says."""
        bare = image.partition("@")[0].lower()
        host, slash, rest = bare.partition("/")
        if slash and ("." in host or ":" in host) and host != "ghcr.io":
            bare = rest
        bare = bare.removeprefix("library/")
        name, _, tag = bare.partition(":")
        versions: dict[str, str] = {}
        for row, pattern in self._images:
            if name == row.name and (match := pattern.match(tag)):
                versions = {key: value for key, value in match.groupdict().items() if value}
        whole = f"{name}:{tag or 'latest'}"
        system = next((row for row in self._systems if _is(row, whole, tag)), None)
        return Named(versions, system)


def _is(row: System, whole: str, tag: str) -> bool:
    words = (row.name, *(alias for alias in row.aliases if ":" not in alias))
    return (
        any(word in tag for word in words)
        or any(
            ":" in alias and (whole == alias or whole.startswith((f"{alias}-", f"{alias}.")))
            for alias in row.aliases
        )
        or whole.startswith(f"{row.name}:")
    )


def _pattern(tag: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>\\d+(?:\\.\\d+){0,2})", re.escape(tag)))
