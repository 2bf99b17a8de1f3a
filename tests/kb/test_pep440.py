"""Plain releases compared without packaging: the same answers as packaging gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from envcheck.kb.pep440 import violates, within

RELEASE = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda n: ".".join(map(str, n)))
CLAUSE = st.tuples(st.sampled_from(["<", "<=", "==", "!=", ">=", ">"]), RELEASE).map("".join)


@given(RELEASE, st.lists(CLAUSE, min_size=1, max_size=3).map(",".join))
def test_plain_releases_compare_as_packaging_compares_them(version: str, specifier: str) -> None:
    expected = SpecifierSet(specifier).contains(version, prereleases=True)
    assert within(version, specifier) == expected
    assert violates(version, specifier) != expected


@pytest.mark.parametrize(
    ("version", "specifier", "inside"),
    [
        ("2.4.0+cu121", "==2.4.0", True),
        ("2.4.1", "==2.4.*", True),
        ("2.5.0rc1", "<2.5", False),
        ("2.4.0a0+git1234", ">=2.4", False),
        ("1.13.1", "~=1.13.0", True),
        ("nonsense", ">=1", False),
        (None, ">=1", False),
    ],
)
def test_what_is_not_plain_goes_to_packaging(
    version: str | None, specifier: str, inside: bool
) -> None:
    assert within(version, specifier) is inside


@pytest.mark.parametrize(("version", "specifier"), [("nonsense", ">=1"), ("1.0", "nonsense")])
def test_what_cannot_be_read_violates_nothing(version: str, specifier: str) -> None:
    assert not violates(version, specifier)
