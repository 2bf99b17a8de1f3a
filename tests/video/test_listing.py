"""The published models, chosen as a user would: filters, conventions, orders, printing."""

import json

import pytest

from envcheck.errors import UsageError
from envcheck.render.models import render, render_json
from envcheck.render.style import Style
from envcheck.video.listing import Wanted, listed


def chosen(**wanted: object) -> set[str]:
    rows = listed(Wanted(**wanted))  # type: ignore[arg-type]
    return {row.model.arch for row in rows}


@pytest.mark.parametrize(
    ("asked", "found", "left_out"),
    [
        ("slowfast", "SlowFast", "Slow"),
        ("slow", "Slow-only", "SlowFast"),
        ("MViT", "MViTv2-S", "rev-MViT"),
        ("mvitv2", "MViTv2-S", "MViTv1"),
        ("mvitv2-s", "MViTv2-S", "MViTv2-B"),
        ("vit", "ViT-H", "MViT"),
        ("rev-vit", "Rev-ViT-S", "Rev-MViT-B"),
        ("R(2+1)D", "R(2+1)D", "SlowFast"),
        ("r2plus1d", "R(2+1)D", "ResNet"),
        ("i3d", "I3D NLN", "C2D"),
        ("x3d", "X3D_XS (int8)", "Slow"),
    ],
)
def test_an_architecture_is_found_as_people_write_it(asked: str, found: str, left_out: str) -> None:
    names = chosen(arch=asked)
    assert found in names and left_out not in names


def test_a_checkpoint_that_two_pages_name_stands_once_with_the_numbers_of_both() -> None:
    rows = [row for row in listed(Wanted()) if row.name == "REV_MVIT_B_16x4.pyth"]
    (row,) = rows
    assert (row.model.top5, row.model.params_m) == (93.4, 34.9)
    assert "MODEL_ZOO.md" in row.model.source and "projects/rev" in row.model.source


def test_each_row_says_what_its_flops_count() -> None:
    rows = {(row.model.source, row.name): row for row in listed(Wanted())}
    zoo = {name: row for (source, name), row in rows.items() if "@f3142bb0" in source}
    assert zoo["SLOWFAST_4x16_R50.pyth"].convention == "conv+bn"
    r50 = next(row for row in rows.values() if row.model.hub_name == "slowfast_r50")
    assert r50.convention == "conv" and r50.counts
    assert (r50.counts.architecture, r50.counts.parameters) == ("slowfast_r50", 34_566_488)
    assert round(r50.counts.gflops_conv_bn, 2) == 66.60
    ssv2 = next(
        row for row in rows.values() if row.model.flops_g == 66.6 and row.model.dataset == "SSv2"
    )
    assert ssv2.convention == "conv+bn", "the same network on another page, counted otherwise"
    x3d = next(row for row in rows.values() if row.name == "x3d_s.pyth")
    assert x3d.convention == "" and x3d.counts is None, "1.96 G are of a smaller crop"


def test_every_network_of_pytorchvideos_page_has_a_convention() -> None:
    rows = listed(Wanted(zoo="pytorchvideo", dataset="kinetics"))
    without = {row.model.arch for row in rows if row.model.flops_g and not row.convention}
    assert without == {"MViT"}, "the catalogue holds no architecture of it"


def test_filters_hold_together() -> None:
    rows = listed(Wanted(dataset="Kinetics-400", max_gflops=4, min_top1=73), order="top1")
    assert [row.name for row in rows] == ["x3d_s.pyth", "X3D_S.pyth", "X3D_S.pyth"]
    assert all((row.model.flops_g or 99) <= 4 for row in rows)
    assert listed(Wanted(hub=True, max_params=4.0, arch="slowfast")) == ()
    assert {row.model.dataset for row in listed(Wanted(dataset="imagenet"))} == {"IN1K"}
    assert {row.model.pretrain for row in listed(Wanted(pretrain="K600"))} == {"Kinetics 600"}
    assert all(row.model.pretrain is None for row in listed(Wanted(pretrain="none")))


def test_models_are_found_by_the_name_of_checkpoint_configuration_and_hub() -> None:
    for name in ("SLOWFAST_8x8_R101.pyth", "Kinetics/c2/SLOWFAST_8x8_R50", "slowfast-r50"):
        assert listed(Wanted(names=(name,))), name
    assert len(listed(Wanted(names=("x3d_l", "csn_r101")))) > len(listed(Wanted(names=("x3d_l",))))


@pytest.mark.parametrize("order", ["gflops", "params", "top1"])
def test_what_is_not_published_comes_last(order: str) -> None:
    rows = listed(Wanted(), order)
    values = {"gflops": "flops_g", "params": "params_m"}
    first, last = rows[0], rows[-1]
    for row, there in ((first, True), (last, False)):
        value = row.top1 if order == "top1" else getattr(row.model, values[order])
        assert (value is not None) is there


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(arch="slowfst"), "slowfast"),
        (Wanted(dataset="hmdb"), "K400"),
        (Wanted(pretrain="jft"), "k600"),
    ],
)
def test_what_no_model_has_is_an_error_that_lists_what_there_is(wanted: Wanted, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        listed(wanted)


def test_the_table_holds_the_address_and_fits_eighty_columns() -> None:
    rows = listed(Wanted())
    text = render(rows, Style())
    long = [line for line in text.splitlines() if len(line) > 80 and "https://" not in line]
    assert not long
    for row in rows:
        folder, _, file = row.model.url.rpartition("/")
        assert f"{folder}/\n" in text or row.model.url in text, row.model.url
        assert row.name in text and (file == row.name or row.model.url in text)
    assert "65.71c" in text and "66.60n" in text and " 37.2m" in text
    assert "No published model" in render((), Style())


def test_a_sorted_table_keeps_its_order_and_gives_whole_addresses() -> None:
    rows = listed(Wanted(arch="x3d"), "gflops")
    text = render(rows, Style(verbose=True), sorted_rows=True)
    places = [text.index(row.model.url) for row in rows]
    assert places == sorted(places)
    assert "exactly 3,794,274 parameters" in text and "Kinetics/X3D_XS.yaml" in text


def test_a_wrong_link_of_the_published_page_is_told() -> None:
    text = render(listed(Wanted(dataset="charades", arch="slow")), Style())
    assert "the page links the checkpoint of Something-Something V2" in text


def test_json_holds_everything() -> None:
    held = json.loads(render_json(listed(Wanted(names=("slowfast_16x8_r101_50_50",)))))
    assert {row["model"]["params_m"] for row in held if row.get("counts")} == {53.77}
