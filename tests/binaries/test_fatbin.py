import struct
from pathlib import Path

import msgspec
import pytest

from envcheck.binaries.errors import BinaryError, Malformed, TooLarge, Truncated, Unsupported
from envcheck.binaries.fatbin import GpuCode, arch_key, read_gpu_code
from envcheck.binaries.source import BytesSource, FileSource
from tests.binaries.build import NOBITS, Section, elf, entry, fatbin, wrappers
from tests.binaries.reading import Meter


def gpu_code(loaded: bytes | Section = b"", **sections: bytes) -> GpuCode:
    """The code of a library with these `.nv_fatbin`, `rel`(ocatable) and `wrappers` sections."""
    names = {"rel": "__nv_relfatbin", "wrappers": ".nvFatBinSegment"}
    every: dict[str, bytes | Section] = {".text": b"\x90" * 33}
    if loaded:
        every[".nv_fatbin"] = loaded
    every |= {names[name]: data for name, data in sections.items()}
    return read_gpu_code(BytesSource(elf(sections=every)))


def test_a_library_without_gpu_code() -> None:
    code = gpu_code()
    assert code == GpuCode()
    assert (code.full, code.partial, code.ptx_full, code.ptx_partial) == ((), (), (), ())


def test_architectures_are_counted_by_fatbin() -> None:
    code = gpu_code(
        fatbin("sm_80", "sm_90", "compute_90")
        + fatbin("sm_80", "sm_80", "sm_90a", "sm_100f")  # two kernels' cubins: one fatbin
        + fatbin("sm_80", "compute_120a")
    )
    assert code.fatbins == 3
    assert code.sass == {"sm_80": 3, "sm_90": 1, "sm_90a": 1, "sm_100f": 1}
    assert code.ptx == {"compute_90": 1, "compute_120a": 1}
    assert code.full == ("sm_80",)
    assert code.partial == ("sm_90", "sm_90a", "sm_100f")
    assert code.ptx_full == ()
    assert code.ptx_partial == ("compute_90", "compute_120a")


def test_full_means_more_than_half() -> None:
    two = gpu_code(fatbin("sm_80", "sm_89", "compute_80") + fatbin("sm_80"))
    assert (two.full, two.partial) == (("sm_80",), ("sm_89",))
    assert (two.ptx_full, two.ptx_partial) == ((), ("compute_80",))
    three = gpu_code(fatbin("sm_80", "sm_89") * 2 + fatbin("sm_80"))
    assert (three.full, three.partial) == (("sm_80", "sm_89"), ())


def test_architectures_are_in_order_of_their_numbers() -> None:
    code = gpu_code(fatbin("sm_120", "sm_100f", "sm_100a", "sm_100", "sm_90a", "sm_50", "sm_90"))
    assert code.full == ("sm_50", "sm_90", "sm_90a", "sm_100", "sm_100a", "sm_100f", "sm_120")
    assert list(code.sass) == list(code.full)
    assert arch_key("compute_120") == (120, "")


def test_several_sections_and_padding_between_fatbins() -> None:
    code = gpu_code(fatbin("sm_80") + bytes(48) + fatbin("sm_80") + bytes(7))
    assert (code.fatbins, code.full) == (2, ("sm_80",))


def test_an_empty_fatbin_counts() -> None:
    assert gpu_code(fatbin() + fatbin("sm_80")).partial == ("sm_80",)


def test_entries_of_other_sizes_and_kinds() -> None:
    body = (
        entry("sm_80", payload=9000, header=112) + entry("ltoir_90") + entry("compute_80", 8, 192)
    )
    code = gpu_code(struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body)
    assert (code.sass, code.ptx, code.other) == ({"sm_80": 1}, {"compute_80": 1}, 1)


def test_it_survives_json() -> None:
    code = gpu_code(fatbin("sm_80", "compute_80"))
    assert msgspec.json.decode(msgspec.json.encode(code), type=GpuCode) == code


# ---- relocatable code ---------------------------------------------------------------------------


def test_inputs_of_the_device_linker_do_not_outvote_the_image_that_runs() -> None:
    code = gpu_code(fatbin("sm_70", "sm_80"), rel=fatbin("sm_61", "sm_80") * 112)
    assert code.fatbins == 1
    assert code.relocatable == 112
    assert code.full == ("sm_70", "sm_80")


def test_ptx_of_relocatable_code_serves_the_linked_image() -> None:
    code = gpu_code(
        fatbin("sm_80"), rel=fatbin("sm_80", "compute_90") * 3, wrappers=wrappers(1, 1, 1, 2)
    )
    assert code.ptx_full == ("compute_90",)


def test_it_does_not_serve_when_one_input_lacks_it() -> None:
    code = gpu_code(
        fatbin("sm_80"),
        rel=fatbin("sm_80", "compute_90") * 3 + fatbin("sm_80"),
        wrappers=wrappers(1, 1, 1, 1, 2),
    )
    assert code.ptx == {}


def test_it_does_not_speak_for_the_ordinary_code_beside_it() -> None:
    code = gpu_code(
        fatbin("sm_80") * 10, rel=fatbin("sm_80", "compute_90"), wrappers=wrappers(2, *[1] * 10)
    )
    assert code.ptx == {"compute_90": 1}
    assert code.ptx_full == ()


def test_an_object_that_is_not_linked_yet() -> None:
    code = gpu_code(rel=fatbin("sm_80", "compute_80") * 2)
    assert (code.fatbins, code.full, code.ptx_full) == (2, ("sm_80",), ("compute_80",))


# ---- bad input ----------------------------------------------------------------------------------


def _broken(at: int, layout: str, value: int) -> bytes:
    """A good fatbin, then one with a field changed."""
    data = bytearray(fatbin("sm_80", "sm_90"))
    struct.pack_into("<" + layout, data, at, value)
    return fatbin("sm_80") + bytes(data)


@pytest.mark.parametrize(
    ("at", "layout", "value", "error", "text"),
    [
        (0, "I", 0x12345678, Malformed, "no fatbin"),
        (4, "H", 2, Unsupported, "fatbin version 2"),
        (6, "H", 0, Malformed, "fatbin header of 0 bytes"),
        (8, "Q", 1 << 63, Malformed, "past the section"),
        (8, "Q", 110, Malformed, "past its fatbin"),
        (16 + 2, "H", 0x0202, Unsupported, "entry version"),
        (16 + 4, "I", 0, Malformed, "entry header of 0 bytes"),
        (16 + 8, "Q", 1 << 60, Malformed, "past its fatbin"),
        (16 + 0x1C, "I", 4_000_000, Malformed, "architecture 4000000"),
    ],
)
def test_no_count_from_damaged_code(
    at: int, layout: str, value: int, error: type[BinaryError], text: str
) -> None:
    with pytest.raises(error, match=text):
        gpu_code(_broken(at, layout, value))


def test_sections_without_their_bytes() -> None:
    with pytest.raises(Unsupported, match="split debug file"):
        gpu_code(Section(type=NOBITS, size=5000))
    with pytest.raises(Unsupported, match="compressed"):
        gpu_code(Section(fatbin("sm_80"), flags=0x800))
    with pytest.raises(Truncated, match="cut short"):
        gpu_code(Section(fatbin("sm_80"), size=1 << 30))
    with pytest.raises(Unsupported, match="stripped"):
        read_gpu_code(BytesSource(elf(sections={".nv_fatbin": fatbin("sm_80")}, stripped=True)))


def test_truncation_anywhere_is_an_error() -> None:
    data = elf(sections={".nv_fatbin": fatbin("sm_80", "sm_90") * 5})
    for size in range(0, len(data), 37):
        with pytest.raises(BinaryError):
            read_gpu_code(BytesSource(data[:size]))


def test_absurdly_many_fatbins_end() -> None:
    with pytest.raises(TooLarge, match="more fatbins"):
        gpu_code(fatbin() * 100_001)


@pytest.mark.parametrize("start", [b"", fatbin("sm_80")])
def test_two_gigabytes_of_nothing_are_not_read(tmp_path: Path, start: bytes) -> None:
    size, offset = 2 << 30, 1 << 20
    path = tmp_path / "sparse.so"
    with path.open("wb") as file:
        file.write(elf(sections={".nv_fatbin": Section(size=size, offset=offset)}))
        file.seek(offset)
        file.write(start)
        file.truncate(offset + size)
    with FileSource(path) as source:
        meter = Meter(source)
        with pytest.raises(Malformed, match="zeros instead of a fatbin"):
            read_gpu_code(meter)
        assert meter.taken < 100_000


def test_reads_headers_and_not_payloads() -> None:
    data = elf(sections={".nv_fatbin": fatbin("sm_80", "sm_90", payload=1 << 20) * 4})
    meter = Meter(BytesSource(data))
    assert read_gpu_code(meter).full == ("sm_80", "sm_90")
    assert meter.taken < 20_000
