"""The catalogue's numbers agree with one another, and its files with their readers."""

import base64
import json
from pathlib import Path

import pytest

from envcheck.errors import UsageError
from envcheck.video.catalogue import (
    CLIP,
    GOLDEN,
    Architecture,
    architecture,
    architectures,
    kinetics400,
    models,
    read_labels,
)

ROWS = list(architectures().values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_exact_counts_give_the_published_number(row: Architecture) -> None:
    assert abs(row.gflops - row.published) < 0.005
    other = row.macs + 5 * row.norm_elements if row.convention == "conv" else row.macs
    assert abs(other / 1e9 - row.published) > 0.005, "either convention would do"


def test_both_conventions_are_in_the_table() -> None:
    by = {row.name: row.convention for row in ROWS}
    assert {name for name, convention in by.items() if convention == "conv"} == {
        "slowfast_r50",
        "slow_r50",
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_architecture_has_golden_values(row: Architecture) -> None:
    stored = json.loads(GOLDEN.read_text())["models"][row.name]
    assert len(base64.b64decode(stored["logits"])) == 400 * 4
    pathways = 2 if row.alpha else 1
    assert sum(name.startswith("input") for name in stored["places"]) == pathways
    assert all(len(sums) == 3 and sums[1] > 0 for sums in stored["places"].values())


def test_published_models_say_the_same_as_the_architectures() -> None:
    published = {model.hub_name: model for model in models() if model.hub_name}
    for row in ROWS:
        model = published.get(row.builder.rpartition(":")[2])
        if model is None:
            continue
        assert model.params_m == round(row.parameters / 1e6, 2)
        assert model.flops_g == row.published


def test_the_catalogue_is_whole() -> None:
    rows = models()
    assert len(rows) == 102
    assert all(row.source.startswith("facebookresearch/") and row.url for row in rows)


def test_a_model_nobody_knows() -> None:
    with pytest.raises(UsageError, match="slowfast_r50"):
        architecture("slowfast_r5")


def test_kinetics_names() -> None:
    names = kinetics400()
    assert len(set(names)) == 400 and list(names) == sorted(names)
    assert (names[0], names[5], names[399]) == ("abseiling", "archery", "zumba")


def test_the_clip_is_small() -> None:
    assert CLIP.stat().st_size < 100_000


@pytest.mark.parametrize(
    "text", ["a\nb c\n", '["a", "b c"]', '{"b c": 1, "a": 0}', '{"\\"b c\\"": 1, "a": 0}']
)
def test_labels_of_every_kind(tmp_path: Path, text: str) -> None:
    file = tmp_path / "labels"
    file.write_text(text)
    assert read_labels(str(file)) == ("a", "b c")


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe", b'{"a": 5}', b'{"a": 0, "b": 0}', b"[1]", b"{", b"[" * 9999, b"x" * (2 << 20)],
)
def test_what_is_no_list_of_labels(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "labels"
    file.write_bytes(data)
    with pytest.raises(UsageError, match="labels"):
        read_labels(str(file))


def test_labels_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_labels("/nonexistent")
