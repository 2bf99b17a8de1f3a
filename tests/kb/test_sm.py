"""Compute capabilities and versions as text."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.kb import Sm, SmError, VersionError, minor, order

NUMBERS = st.lists(st.integers(0, 999), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("text", "sm"),
    [
        ("9.0", Sm(9, 0)),
        ("90", Sm(9, 0)),
        ("sm_90a", Sm(9, 0, "a")),
        ("sm90", Sm(9, 0)),
        ("compute_120", Sm(12, 0)),
        ("12.1f", Sm(12, 1, "f")),
        (" SM_86 ", Sm(8, 6)),
    ],
)
def test_spellings(text: str, sm: Sm) -> None:
    assert Sm.parse(text) == sm


@pytest.mark.parametrize(
    "text", ["", "9", "sm_", "9.0b", "9.00", "sm_90aa", "H100", "٩.٠", "-9.0", "1000", "9.0\n9.0"]
)
def test_what_is_no_capability(text: str) -> None:
    with pytest.raises(SmError, match=r"write 9\.0 or sm_90"):
        Sm.parse(text)


@given(st.integers(1, 99), st.integers(0, 9), st.sampled_from(["", "a", "f"]))
def test_every_name_reads_back(major: int, minor_: int, suffix: str) -> None:
    sm = Sm(major, minor_, suffix)
    assert Sm.parse(sm.dotted) == Sm.parse(sm.sass) == Sm.parse(sm.ptx) == sm
    assert sm.plain == Sm(major, minor_)


@given(st.text(max_size=20))
def test_any_text_is_a_capability_or_an_error(text: str) -> None:
    try:
        sm = Sm.parse(text)
    except SmError:
        return
    assert Sm.parse(sm.dotted) == sm


def test_driver_versions_are_numbers_not_decimals() -> None:
    versions = ["535.54.03", "535.104.05", "535.183.01", "550.54.14", "550.120", "1000.1"]
    for shuffled in itertools.permutations(versions):
        assert sorted(shuffled, key=order) == versions


@given(NUMBERS, NUMBERS)
def test_order_is_that_of_the_numbers(one: list[int], other: list[int]) -> None:
    width = max(len(one), len(other))
    padded = [tuple(numbers + [0] * (width - len(numbers))) for numbers in (one, other)]
    keys = [order(".".join(map(str, numbers))) for numbers in (one, other)]
    assert (keys[0] < keys[1]) is (padded[0] < padded[1])
    assert (keys[0] == keys[1]) is (padded[0] == padded[1])


@given(NUMBERS, st.integers(0, 3))
def test_leading_and_trailing_zeros_say_nothing(numbers: list[int], zeros: int) -> None:
    plain = ".".join(map(str, numbers))
    assert order(".".join(f"{number:03}" for number in numbers)) == order(plain)
    assert order(plain + ".0" * min(zeros, 6 - len(numbers))) == order(plain)


@given(st.text(max_size=30))
def test_any_text_is_a_version_or_an_error(text: str) -> None:
    try:
        key = order(text)
    except VersionError:
        return
    assert key == order(".".join(map(str, key)))


@pytest.mark.parametrize(
    "text", ["", "12.", ".1", "12.1-rc1", "535.104.05 (Tesla)", "v12", "1" * 99]
)
def test_what_is_no_version(text: str) -> None:
    for read in (order, minor):
        with pytest.raises(VersionError):
            read(text)


def test_minor() -> None:
    for text, expected in (("12.4.1", "12.4"), ("12.4", "12.4"), ("13", "13.0"), ("12.0", "12.0")):
        assert minor(text) == expected


def test_suffixed_code_sorts_beside_its_own_architecture() -> None:
    names = ["sm_86", "sm_90", "sm_90a", "sm_100"]
    for shuffled in itertools.permutations(names):
        assert [sm.sass for sm in sorted(map(Sm.parse, shuffled))] == names
