"""Snapshots equal their JSON, merge keeps sources, paths reach every fact."""

import pytest

from envcheck.facts import (
    NOT_ASKED,
    Driver,
    Gpu,
    Gpus,
    Host,
    Missing,
    Snapshot,
    SnapshotError,
    Why,
    absent,
    decode,
    encode,
    failed,
    merge,
)
from envcheck.facts.paths import PathError, lookup, replace
from tests.rules.machine import healthy


def test_snapshot_equals_its_json() -> None:
    snapshot = healthy()
    assert decode(encode(snapshot)) == snapshot


def test_missing_survives_json_at_every_depth() -> None:
    snapshot = Snapshot(
        torch=absent("no torch"),
        driver=Driver(version=failed("garbage")),
        gpus=Gpus(devices=(Gpu(index=0, sm=failed("x")), absent("gone"))),
    )
    assert decode(encode(snapshot)) == snapshot


def test_newer_schema_is_refused_with_the_reason() -> None:
    with pytest.raises(SnapshotError, match="update envcheck"):
        decode(b'{"schema_version": 999}')


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"\xff\xfe", b'{"schema_version": 1, "driver": 3}', b"[" * 100000]
)
def test_what_is_no_snapshot_is_refused(text: bytes) -> None:
    with pytest.raises(SnapshotError):
        decode(text)


def test_older_file_without_newer_facts_still_loads() -> None:
    snapshot = decode(b'{"schema_version": 1, "host": {"kind": "host", "glibc": "2.35"}}')
    assert isinstance(snapshot.host, Host) and snapshot.host.glibc == "2.35"
    assert snapshot.driver == NOT_ASKED


def test_merge_takes_what_was_asked_and_keeps_where_it_was_read() -> None:
    base = Snapshot(driver=Driver(version="550.1", cuda="12.4", sources={"*": "proc"}))
    over = Snapshot(driver=Driver(version="580.2", sources={"version": "--driver"}))
    driver = merge(base, over).driver
    assert isinstance(driver, Driver)
    assert (driver.version, driver.cuda) == ("580.2", "12.4")
    assert driver.source("version") == "--driver" and driver.source("cuda") == "proc"


def test_merge_keeps_a_looked_for_absence() -> None:
    merged = merge(healthy(), Snapshot(torch=absent("not in the image")))
    assert isinstance(merged.torch, Missing) and merged.torch.why is Why.ABSENT


def test_paths_read_and_replace() -> None:
    snapshot = healthy()
    assert lookup(snapshot, "gpus.devices.0.sm") == "9.0"
    changed = replace(snapshot, "gpus.devices.0.sm", "7.0")
    assert lookup(changed, "gpus.devices.0.sm") == "7.0"
    assert lookup(snapshot, "gpus.devices.0.sm") == "9.0"
    assert lookup(replace(Snapshot(), "driver.version", "1"), "driver.version") == "1"
    assert lookup(Snapshot(), "torch.version") == NOT_ASKED


@pytest.mark.parametrize(
    "path", ["nothing", "driver.nothing", "gpus.devices.9", "driver.version.x"]
)
def test_a_path_that_names_nothing_is_an_error(path: str) -> None:
    with pytest.raises(PathError):
        lookup(healthy(), path)
