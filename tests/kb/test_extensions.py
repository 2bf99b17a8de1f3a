"""Packages that compile CUDA kernels, and how they are told to."""

import re

from envcheck.kb import load


def test_rows_can_be_printed_as_a_command() -> None:
    table = load().extensions
    names = [row.package for row in table.rows]
    assert len(set(names)) == len(names)
    for row in table.rows:
        assert re.fullmatch(r"[a-z0-9-]+", row.package), "a normalised name"
        assert row.environment, row.package
        assert all(re.fullmatch(r"[A-Z0-9_]+=\w+", setting) for setting in row.environment)
        assert not row.install or re.fullmatch(r"git\+https://[\w./-]+", row.install)


def test_packages_are_found_by_their_normalised_name() -> None:
    table = load().extensions
    row = table.find("flash-attn")
    assert row is not None and row.environment == ("FLASH_ATTENTION_FORCE_BUILD=TRUE",)
    assert table.find("numpy") is None
