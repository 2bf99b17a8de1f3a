"""What a file of weights is, from its first bytes; nothing in it is loaded or run."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.video.checkpoint import PEEK, read_checkpoint

# What torch.save wrote before its files were archives, a pickle each.
LEGACY = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001}]


def archive(state: dict[str, Any], name: str = "x/data.pkl") -> bytes:
    """A file as torch.save writes it: the pickle first, not compressed, a filled extra field."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as file:
        info = zipfile.ZipInfo(name)
        info.extra = b"FB\x12\x00" + b"Z" * 18
        file.writestr(info, pickle.dumps(state, protocol=2))
        file.writestr("x/data/0", b"\0" * 64)
    return held.getvalue()


def legacy(state: dict[str, Any]) -> bytes:
    return b"".join(pickle.dumps(part, protocol=2) for part in [*LEGACY, state])


def state(*names: str) -> dict[str, Any]:
    return {"epoch": 3, "model_state": OrderedDict((name, 0) for name in names), "cfg": "x: 1"}


CONV = ("s1.pathway0_stem.conv.weight", "head.projection.weight")


@pytest.mark.parametrize(
    ("names", "layers"),
    [
        (CONV, "pyslowfast"),
        (("cls_token", "patch_embed.proj.weight", "blocks.0.norm1.weight"), "pyslowfast_mvit"),
        (("model.blocks.0.multipathway_blocks.0.conv.weight",), "wrapped"),
        (("blocks.0.multipathway_blocks.0.conv.weight",), "pytorchvideo"),
        (("patch_embed.patch_model.weight", "blocks.0.norm1.weight"), "pytorchvideo"),
        (("backbone.s1.conv.weight",), "other"),
    ],
)
@pytest.mark.parametrize("write", [archive, legacy], ids=["archive", "legacy"])
def test_whose_layers_a_checkpoint_of_torch_holds(write: Any, names: Any, layers: str) -> None:
    assert read_checkpoint(write(state(*names))) == ("torch", layers)


def test_a_checkpoint_without_layers() -> None:
    form, layers = read_checkpoint(archive({"epoch": 3}))
    assert form == "torch" and "no layer names" in str(layers)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_caffe2_and_other_pickles(protocol: int) -> None:
    assert read_checkpoint(pickle.dumps({"blobs": {"conv1_w": 1}}, protocol))[0] == "caffe2"
    assert read_checkpoint(pickle.dumps({"weights": {"blob": 1}}, protocol))[0] == "pickle"


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"", "empty"),
        (b" \n\0"[:2], "empty"),
        (b"<!DOCTYPE html><title>404</title>", "html"),
        (b'\n<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "html"),
        (b"version https://git-lfs.github.com/spec/v1\n", "other"),
        (b"\x1f\x8b\x08", "other"),
        (b"PK\x03\x04", "torch"),
        (b"\x80", "pickle"),
    ],
)
def test_other_files(data: bytes, form: str) -> None:
    assert read_checkpoint(data)[0] == form


class Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.path,)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "run"
    for data in (archive({"a": Runs(mark)}), pickle.dumps({"blobs": Runs(mark)})):
        read_checkpoint(data)
        assert not mark.exists()
    pickle.loads(data)
    assert mark.exists(), "the checkpoint holds no code: the test proves nothing"


def test_a_file_cut_off_anywhere_is_still_read() -> None:
    whole = archive(state(*CONV))
    for end in range(1, len(whole), 7):
        assert read_checkpoint(whole[:end])[0] in ("torch", "other")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"PK\x03\x04", b"\x80\x02", b"(d", b"", b"<html"]))
def test_any_bytes_are_named(data: bytes, start: bytes) -> None:
    assert read_checkpoint((start + data)[:PEEK])[0]
