"""Makes small ELF files with chosen fatbins, libraries, versions and symbols, as bytes.

    elf(sections={".nv_fatbin": fatbin("sm_80", "sm_90a", "compute_90")}, needed=["libc.so.6"])

Addresses differ from file offsets (`BASE`), so that a reader that mixes them up fails.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

BASE = 0x40000  # address of the file's first byte
MACHINES = {"x86_64": 62, "aarch64": 183, "ppc64le": 21, "i386": 3}

PROGBITS, STRTAB, NOBITS, DYNSYM = 1, 3, 8, 11


class Section(NamedTuple):
    """A section with other than the usual properties."""

    data: bytes = b""
    type: int = PROGBITS
    flags: int = 0
    size: int | None = None  # what the header claims
    offset: int | None = None  # what the header claims


# ---- GPU code -----------------------------------------------------------------------------


def entry(arch: str, payload: int = 40, header: int = 64) -> bytes:
    """One fatbin entry: "sm_90a" (SASS), "compute_90" (PTX) or "ltoir_90" (something else)."""
    match = re.fullmatch(r"(sm|compute|ltoir)_(\d+)([af]?)", arch)
    assert match, arch
    kind = {"compute": 1, "sm": 2, "ltoir": 8}[match.group(1)]
    flags = 0x2011 | {"": 0, "a": 0x100000, "f": 0x200000}[match.group(3)]
    start = struct.pack("<HHIQ12xI8xQ", kind, 0x101, header, payload, int(match.group(2)), flags)
    return start.ljust(header, b"\0") + b"\xcd" * payload


def fatbin(*archs: str, payload: int = 40) -> bytes:
    body = b"".join(entry(arch, payload) for arch in archs)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def wrappers(*versions: int) -> bytes:
    """`.nvFatBinSegment`: 1 for an ordinary fatbin, 2 for a device-linked one."""
    return b"".join(struct.pack("<IIQQ", 0x466243B1, version, 0, 0) for version in versions)


# ---- ELF ----------------------------------------------------------------------------------


class _Strings:
    """A string table under construction."""

    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode("utf-8", "surrogateescape") + b"\0"
        return at


def elf(
    *,
    sections: Mapping[str, bytes | Section] | None = None,
    needed: Sequence[str] = (),
    soname: str | None = None,
    rpath: str | None = None,
    runpath: str | None = None,
    no_default_folders: bool = False,
    needs: Mapping[str, Sequence[str]] | None = None,
    weak_needs: Sequence[str] = (),
    provides: Sequence[str] = (),
    defined: Sequence[str] = (),
    functions: Mapping[str, bytes] | None = None,
    undefined: Sequence[str] = (),
    weak: Sequence[str] = (),
    hash_style: str = "gnu",
    machine: str = "x86_64",
    bits: int = 64,
    build_id: bytes = b"",
    interpreter: str | None = None,
    stripped: bool = False,
) -> bytes:
    """A shared library. `weak_needs` are versions of `needs` that may be absent; `functions` are
    defined symbols with their machine code.
    """
    word = "Q" if bits == 64 else "I"
    strings = _Strings()
    tags: list[tuple[int, int]] = [(1, strings.add(name)) for name in needed]
    for tag, text in ((14, soname), (15, rpath), (29, runpath)):
        if text is not None:
            tags.append((tag, strings.add(text)))
    if no_default_folders:
        tags.append((0x6FFFFFFB, 0x800))

    header_size, segment_size = (64, 56) if bits == 64 else (52, 32)
    segments = 2 + bool(build_id) + bool(interpreter)
    out = bytearray(header_size + segment_size * segments)
    places: dict[str, int] = {}
    for name, code in (functions or {}).items():
        places[name] = BASE + len(out)
        out += code
    hashed = _in_bucket_order([*defined, *places])
    symbols = [_symbol("", 0, 0, 0, strings, bits)]
    symbols += [_symbol(name, 0x12, 0, 0, strings, bits) for name in undefined]
    symbols += [_symbol(name, 0x22, 0, 0, strings, bits) for name in weak]
    first = len(symbols)
    symbols += [_symbol(name, 0x12, 5, places.get(name, BASE), strings, bits) for name in hashed]
    names = [*undefined, *weak, *hashed]

    parts: dict[str, tuple[int, bytes]] = {}  # name → dynamic tag that points to it, data
    if hash_style == "gnu":
        parts[".gnu.hash"] = 0x6FFFFEF5, gnu_hash_table(hashed, first, bits)
    else:
        parts[".hash"] = 4, sysv_hash_table(names, set(hashed))
    if needs:
        parts[".gnu.version_r"] = 0x6FFFFFFE, _version_needs(needs, set(weak_needs), strings)
        tags.append((0x6FFFFFFF, len(needs)))
    if provides:
        parts[".gnu.version_d"] = 0x6FFFFFFC, _version_definitions(provides, strings)
        tags.append((0x6FFFFFFD, len(provides) + 1))
    parts[".dynsym"] = 6, b"".join(symbols)
    parts[".dynstr"] = 5, strings.data
    tags.append((10, len(strings.data)))

    table: list[tuple[str, Section, int]] = []  # name, section, offset

    def place(name: str, section: Section) -> int:
        out.extend(b"\0" * (-len(out) % 8))
        offset = len(out)
        out.extend(section.data)
        table.append((name, section, offset))
        return offset

    for name, (tag, data) in parts.items():
        kind = DYNSYM if name == ".dynsym" else PROGBITS
        tags.append((tag, BASE + place(name, Section(data, kind))))
    dynamic = b"".join(struct.pack(f"<{word}{word}", *tag) for tag in [*tags, (0, 0)])
    headers = [(2, place(".dynamic", Section(dynamic)), len(dynamic))]
    if build_id:
        note = struct.pack("<III4s", 4, len(build_id), 3, b"GNU\0") + build_id
        headers.append((4, place(".note.gnu.build-id", Section(note)), len(note)))
    if interpreter:
        path = interpreter.encode() + b"\0"
        headers.append((3, place(".interp", Section(path)), len(path)))
    for name, content in (sections or {}).items():
        place(name, content if isinstance(content, Section) else Section(content))
    headers.insert(0, (1, 0, len(out)))

    sections_at = count = 0
    if not stripped:
        section_names = _Strings()
        rows = [(0, Section(type=0), 0)]
        rows += [(section_names.add(name), section, at) for name, section, at in table]
        own = section_names.add(".shstrtab")
        out.extend(b"\0" * (-len(out) % 8))
        rows.append((own, Section(section_names.data, STRTAB), len(out)))
        out.extend(section_names.data)
        out.extend(b"\0" * (-len(out) % 8))
        sections_at, count = len(out), len(rows)
        for name_at, section, at in rows:
            size = len(section.data) if section.size is None else section.size
            at = at if section.offset is None else section.offset
            out += struct.pack(
                f"<II{word * 4}II{word * 2}",
                *(name_at, section.type, section.flags, BASE + at, at, size, 0, 0, 8, 0),
            )

    ident = b"\x7fELF" + bytes((bits // 32, 1, 1)) + b"\0" * 9
    out[:header_size] = ident + struct.pack(
        f"<HHI{word * 3}IHHHHHH",
        *(3, MACHINES[machine], 1, 0, header_size, sections_at, 0, header_size, segment_size),
        *(segments, 64 if bits == 64 else 40, count, max(0, count - 1)),
    )
    for i, (kind, offset, size) in enumerate(headers):
        address = BASE + offset
        memory = size + 0x1000  # there is always some .bss
        fields = (
            struct.pack("<IIQQQQQQ", kind, 5, offset, address, address, size, memory, 8)
            if bits == 64
            else struct.pack("<IIIIIIII", kind, offset, address, address, size, memory, 5, 8)
        )
        at = header_size + i * segment_size
        out[at : at + segment_size] = fields
    return bytes(out)


def _symbol(name: str, info: int, section: int, value: int, strings: _Strings, bits: int) -> bytes:
    at = strings.add(name) if name else 0
    if bits == 64:
        return struct.pack("<IBBHQQ", at, info, 0, section, value, 0)
    return struct.pack("<IIIBBH", at, value, 0, info, 0, section)


def _version_needs(needs: Mapping[str, Sequence[str]], weak: set[str], strings: _Strings) -> bytes:
    data = b""
    for i, (library, versions) in enumerate(needs.items()):
        size = 16 + 16 * len(versions)
        step = 0 if i == len(needs) - 1 else size
        data += struct.pack("<HHIII", 1, len(versions), strings.add(library), 16, step)
        for j, version in enumerate(versions):
            flags, step = 2 * (version in weak), 0 if j == len(versions) - 1 else 16
            data += struct.pack("<IHHII", 0, flags, 2, strings.add(version), step)
    return data


def _version_definitions(provides: Sequence[str], strings: _Strings) -> bytes:
    data = b""
    names = ["libself.so.1", *provides]
    for i, name in enumerate(names):
        step = 0 if i == len(names) - 1 else 28
        data += struct.pack("<HHHHIII", 1, i == 0, i + 1, 1, 0, 20, step)
        data += struct.pack("<II", strings.add(name), 0)
    return data


# ---- symbol hash tables, after the specifications and not after the code under test ---------

BUCKETS = 3


def _djb(name: str) -> int:
    code = 5381
    for byte in name.encode():
        code = (code * 33 + byte) % 2**32
    return code


def _in_bucket_order(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: _djb(name) % BUCKETS)


def gnu_hash_table(names: Sequence[str], first: int, bits: int) -> bytes:
    codes = [_djb(name) for name in names]
    bloom = 0
    for code in codes:
        bloom |= 1 << code % bits | 1 << (code >> 6) % bits
    buckets, chain = [0] * BUCKETS, []
    for i, code in enumerate(codes):
        bucket = code % BUCKETS
        buckets[bucket] = buckets[bucket] or first + i
        last = i + 1 == len(codes) or codes[i + 1] % BUCKETS != bucket
        chain.append(code & ~1 | last)
    start = struct.pack("<IIII", BUCKETS, first, 1, 6) + bloom.to_bytes(bits // 8, "little")
    return start + struct.pack(f"<{BUCKETS + len(chain)}I", *buckets, *chain)


def sysv_hash_table(names: Sequence[str], defined: set[str]) -> bytes:
    """Symbol 0 is the empty one, then `names` in order; only defined ones are linked in."""
    buckets, chain = [0], [0] * (len(names) + 1)
    for i, name in enumerate(names, 1):
        if name in defined:
            chain[i], buckets[0] = buckets[0], i
    return struct.pack(f"<II{1 + len(chain)}I", 1, len(chain), *buckets, *chain)
