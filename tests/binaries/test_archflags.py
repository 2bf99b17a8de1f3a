import pytest

from envcheck.binaries.archflags import read_arch_flags
from envcheck.binaries.errors import Malformed, NotElf, Unsupported
from envcheck.binaries.source import BytesSource
from tests.binaries.build import elf

PAGE = 1 << 20  # the reader's step


def flags_in(data: bytes, name: str = ".rodata") -> tuple[str, ...] | None:
    return read_arch_flags(BytesSource(elf(sections={name: data})))


def test_the_list_of_a_cuda_build() -> None:
    data = b"cuda\0sm_50 sm_60 sm_90\0_cuda_getArchFlags\0"
    assert flags_in(data) == ("sm_50", "sm_60", "sm_90")


def test_ptx_and_suffixes() -> None:
    assert flags_in(b"\0sm_90a sm_100f compute_120\0") == ("sm_90a", "sm_100f", "compute_120")
    assert flags_in(b"\0compute_80  sm_80 \0") == ("compute_80", "sm_80")


def test_a_cpu_build_has_none() -> None:
    assert flags_in(b"torch\0sm_\0compute_\0mkl_blas_sgemm_sm_01\0sgemm_compute_64\0") is None
    assert flags_in(b"") is None
    assert flags_in(b"\0sm_80 sm_90\0", name=".data") is None


@pytest.mark.parametrize(
    "text", ["sm_5 sm_6", "sm_80,sm_90", "sm_80 and sm_90", "xsm_80", "sm_80 sm_90x"]
)
def test_other_texts_are_not_taken_for_it(text: str) -> None:
    assert flags_in(b"\0" + text.encode() + b"\0") is None


def test_a_lone_architecture() -> None:
    assert flags_in(b"x\0sm_90\0sm_90\0") == ("sm_90",)
    assert flags_in(b"\0sm_35\0sm_80 sm_90\0") == ("sm_80", "sm_90")


def test_a_list_right_behind_another_text() -> None:
    """As in torch 2.8 and 2.9: the compiler knew the length and left out the NUL between them."""
    assert flags_in(b"\0std::string ipc_hsm_70 sm_80 sm_120\0") == ("sm_70", "sm_80", "sm_120")
    assert flags_in(b"\0xsm_50 sm_60\0sm_80 sm_90\0") == ("sm_80", "sm_90")


def test_two_lists_are_one_too_many() -> None:
    with pytest.raises(Malformed, match="more than one list"):
        flags_in(b"\0sm_80 sm_90\0sm_70 sm_80\0")
    with pytest.raises(Malformed, match="more than one list"):
        flags_in(b"\0sm_80\0sm_90\0", name=".rodata")


@pytest.mark.parametrize("before", [b"\0", b"x"])
@pytest.mark.parametrize(
    "place", [*range(PAGE - 24, PAGE + 4), *range(PAGE - 1024 - 24, PAGE - 1024 + 4)]
)
def test_wherever_the_steps_of_reading_fall(place: int, before: bytes) -> None:
    text = before + b"sm_50 sm_60 sm_90\0"
    data = bytes(place) + text + bytes(100)
    assert flags_in(data) == ("sm_50", "sm_60", "sm_90")


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(NotElf):
        read_arch_flags(BytesSource(b"\0sm_80 sm_90\0"))
    with pytest.raises(Unsupported, match="stripped"):
        read_arch_flags(BytesSource(elf(sections={".rodata": b"\0sm_80\0"}, stripped=True)))
