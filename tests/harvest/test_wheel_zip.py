"""The zip reader: whatever the bytes are, it answers with the members or with `WheelError`."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.binaries.source import BytesSource
from envcheck.kb.wheel_zip import WheelError, WheelZip
from tests.harvest.wheels import archive

MEMBERS = {
    "a/text.txt": "Grüße\n".encode() * 50,
    "a/lib.so": bytes(range(256)) * 40,
    "empty": b"",
    "b-1.dist-info/METADATA": b"Name: b\n",
}
GOOD = archive(MEMBERS)

names = st.text(st.sampled_from("abc/._-é"), min_size=1, max_size=12)


def contents(data: bytes) -> dict[str, bytes]:
    """Every member, read as a library."""
    wheel = WheelZip(BytesSource(data))
    found = {}
    for name in wheel.names:
        with wheel.library(name, 1 << 20) as library:
            found[name] = library.read_at(0, library.size)
    return found


@settings(deadline=None)
@given(st.dictionaries(names, st.binary(max_size=3000), max_size=6))
def test_members_come_out_as_they_went_in(members: dict[str, bytes]) -> None:
    assert contents(archive(members)) == members


@settings(deadline=None)
@given(
    st.dictionaries(names, st.binary(max_size=3000), min_size=1, max_size=6),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
    st.binary(max_size=100),
    st.binary(max_size=100),
)
def test_other_compressions_comments_and_prefixes(
    members: dict[str, bytes], method: int, comment: bytes, prefix: bytes
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as zipped:
        zipped.comment = comment
        for name, data in members.items():
            zipped.writestr(name, data)
    assert contents(prefix + file.getvalue()) == members


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(WheelError):
        WheelZip(BytesSource(data))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8)
)
def test_any_damage(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for at, value in changes:
        data[at] = value
    try:
        found = contents(bytes(data))
    except WheelError:
        return
    # The checksum lets nothing pass but damage to names and to what nobody reads.
    assert set(found.values()) <= set(MEMBERS.values())


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_any_cut(length: int) -> None:
    with pytest.raises(WheelError):
        contents(GOOD[:length])


def test_text_is_read_as_utf_8() -> None:
    assert WheelZip(BytesSource(GOOD)).text("a/text.txt") == "Grüße\n" * 50


@pytest.mark.parametrize("limit", [0, len(MEMBERS["a/lib.so"]) - 1])
def test_a_member_longer_than_allowed(limit: int) -> None:
    wheel = WheelZip(BytesSource(GOOD))
    with pytest.raises(WheelError, match="would unpack to 10240 bytes"):
        wheel.library("a/lib.so", limit)


def test_a_member_longer_than_it_says() -> None:
    """The directory says 10 bytes; more than that never come out."""
    data = bytearray(archive({"x": bytes(100_000)}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    with pytest.raises(WheelError, match="x"):
        WheelZip(BytesSource(bytes(data))).library("x", 1 << 20)


def test_a_directory_larger_than_any() -> None:
    """The end record says that the directory takes all of the file."""
    size = 20 << 20
    data = bytearray(size) + archive({"x": b"y"})
    at = data.rindex(b"PK\x05\x06")
    data[at + 12 : at + 16] = size.to_bytes(4, "little")
    data[at + 16 : at + 20] = bytes(4)
    with pytest.raises(WheelError, match="directory"):
        WheelZip(BytesSource(bytes(data)))


def test_an_encrypted_member() -> None:
    data = bytearray(archive({"x": b"secret"}))
    data[6] |= 1
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    with pytest.raises(WheelError, match="encrypted"):
        WheelZip(BytesSource(bytes(data))).text("x")


def test_what_will_be_read_is_announced() -> None:
    announced: list[tuple[int, int]] = []
    wheel = WheelZip(BytesSource(GOOD), lambda start, stop: announced.append((start, stop)))
    wheel.library("a/lib.so", 1 << 20).close()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as zipped:
        first, second = zipped.getinfo("a/lib.so"), zipped.getinfo("empty")
    assert announced == [(first.header_offset, second.header_offset)]
