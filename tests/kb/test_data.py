"""The packaged data: every row loads, names its source, and agrees with the other files."""

import datetime
import itertools
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from envcheck import compat
from envcheck.kb import PACKAGED, Knowledge, load, minor, order
from envcheck.kb.build_files import file_text, read_build_file
from envcheck.kb.targets import PLATFORMS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILES = sorted(PACKAGED.rglob("*.toml"))


@pytest.fixture(scope="module")
def kb() -> Knowledge:
    return load()


def raw_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    raw.pop("sources")
    return [
        (name, row)
        for name, value in raw.items()
        for row in (value if isinstance(value, list) else [value])
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_row_has_a_source_a_date_and_a_kind(path: Path) -> None:
    sources = tomllib.loads(path.read_text(encoding="utf-8"))["sources"]
    rows = raw_rows(path)
    assert rows
    for name, row in rows:
        assert row["source"] in sources, (name, row)
        assert datetime.date(2026, 1, 1) <= row["checked"], (name, row)
        assert row["kind"] in ("measured", "documented", "inferred"), (name, row)
    assert set(sources) == {row["source"] for _, row in rows}, "a source nobody cites"


def test_every_table_loads(kb: Knowledge) -> None:
    assert len(kb.builds) > 200
    assert len(kb.gpus.gpus) > 300
    assert len(kb.torch.releases) > 30
    assert kb.cuda.toolkits
    assert kb.drivers.packages
    assert kb.packages.guards
    assert kb.pci.by_id("10de:2330") is not None


def test_sources_are_resolved_to_citations(kb: Knowledge) -> None:
    assert "https://" in kb.cuda.toolkits[0].source
    assert "https://" in kb.gpus.gpus[0].source


def test_drivers_grow_with_their_toolkits(kb: Knowledge) -> None:
    newest_first = list(reversed(kb.cuda.toolkits))
    for newer, older in itertools.pairwise(newest_first):
        assert order(newer.linux) >= order(older.linux), (newer.cuda, older.cuda)


def test_a_toolkits_own_driver_is_of_the_branch_that_serves_it(kb: Knowledge) -> None:
    for toolkit in kb.cuda.toolkits:
        assert compat.cuda_for_driver(toolkit.linux) == minor(toolkit.cuda)
        if toolkit.windows:
            assert compat.driver_serves(toolkit.windows, toolkit.cuda, windows=True).serves


def test_compat_packages_name_known_branches(kb: Knowledge) -> None:
    known = {branch.branch for branch in kb.drivers.branches}
    for package in kb.cuda.compat_packages:
        assert set(package.branches) <= known
        assert package.cuda in kb.cuda.minors


def test_the_default_branch_is_a_long_term_one_and_not_past_its_end(kb: Knowledge) -> None:
    branch = kb.drivers.branch_of(str(kb.drivers.default.branch))
    assert branch is not None
    assert branch.designation == "long-term"
    assert branch.end_of_life is None or branch.end_of_life > kb.drivers.default.checked


def test_a_product_and_its_pci_ids_agree_on_the_capability(kb: Knowledge) -> None:
    for product, gpu in zip(kb.gpus.products, kb.gpus.gpus, strict=True):
        for device in product.pci:
            found = kb.gpu_by_pci_id(device)
            assert found is not None, (product.name, device)
            assert found.sm == gpu.sm, (product.name, device)
            assert product.name in found.names


def test_product_names_are_unique(kb: Knowledge) -> None:
    names = [product.name.lower() for product in kb.gpus.products]
    assert len(names) == len(set(names))


def test_every_product_finds_itself(kb: Knowledge) -> None:
    for gpu in kb.gpus.gpus:
        match = kb.gpu_by_name(gpu.name)
        assert match.gpu is not None, gpu.name
        assert match.how == "exact"
        assert match.gpu.sm == gpu.sm


def test_nvcc_of_a_builds_cuda_could_compile_its_code(kb: Knowledge) -> None:
    for build in kb.builds:
        codes = (*build.sass, *build.partial, *build.ptx)
        assert bool(codes) == (build.cuda is not None), build
        for code in codes:
            verdict = kb.cuda.nvcc_targets(build.cuda or "", code)
            assert verdict.compiles, (build.torch, build.cuda, verdict.reason)


def test_what_plain_pip_brings_is_measured_since_the_index_has_it_all(kb: Knowledge) -> None:
    """Every release has wheels for the three platforms, and they were read."""
    for release in kb.torch.releases:
        rows = [row for row in kb.builds.of(release.version) if row.default]
        assert sorted(row.platform for row in rows) == sorted(PLATFORMS), release.version
        for row in rows:
            assert row.kind == "measured", (row.torch, row.platform)
            assert row.wheel and row.sha256 and row.python, (row.torch, row.platform)


def test_releases_agree_with_their_measured_wheels(kb: Knowledge) -> None:
    for release in kb.torch.releases:
        for row in kb.builds.of(release.version):
            if row.default and row.platform == "linux-x86_64":
                for name in ("python", "cuda", "cudnn", "nccl", "triton"):
                    assert getattr(row, name) == getattr(release, name), (release.version, name)


def test_build_files_are_written_as_the_harvest_writes_them() -> None:
    for path in sorted((PACKAGED / "builds").glob("*.toml")):
        rows, sources = read_build_file(path)
        assert file_text(path.stem, rows, sources) == path.read_text(encoding="utf-8"), path.name


def test_where_release_notes_promise_ptx_the_wheels_have_none(kb: Knowledge) -> None:
    (row,) = [
        row
        for row in kb.builds.of("2.13.0")
        if (row.cuda, row.platform) == ("13.0", "linux-x86_64")
    ]
    assert (row.kind, row.ptx) == ("measured", ())
    assert row.contradicts.startswith("documented ptx: compute_120 (PyTorch RELEASE.md")


def test_every_release_has_its_default_build_and_every_variant(kb: Knowledge) -> None:
    for release in kb.torch.releases:
        linux = [row for row in kb.builds.of(release.version) if row.platform == "linux-x86_64"]
        assert {row.cuda for row in linux} == set(release.variants), release.version
        assert [row.cuda for row in linux if row.default] == [release.cuda]


def test_builds_are_of_known_releases(kb: Knowledge) -> None:
    known = {release.version for release in kb.torch.releases}
    assert {row.torch for row in kb.builds} == known


def test_every_release_has_its_companions(kb: Knowledge) -> None:
    for release in kb.torch.releases:
        for package in ("torchvision", "torchaudio"):
            version = kb.torch.pair(package, release.version)
            assert version is not None, (package, release.version)
            assert kb.torch.fits(package, version, release.version)


def test_package_names_take_the_branch_only_where_they_have_a_place_for_it(kb: Knowledge) -> None:
    for package in kb.drivers.packages:
        for text in (package.open, package.proprietary, package.compute, package.pin):
            assert text is None or re.fullmatch(r"[a-z0-9{}. -]+", text), text
        assert package.open or package.proprietary
