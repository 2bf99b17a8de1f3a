"""Names of configurations: every published one, names nobody published, and what is no name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.errors import UsageError
from envcheck.render.models import render_json
from envcheck.render.names import render
from envcheck.render.style import Style
from envcheck.video.names import Decoded, Part, decode
from envcheck.video.upstream import Config, configs

ALL = configs()


def part(name: Decoded, kind: str) -> Part:
    return next(part for part in name.parts if part.kind == kind)


@pytest.mark.parametrize("config", ALL, ids=lambda config: config.path)
def test_every_part_of_a_published_name_is_known_and_true(config: Config) -> None:
    name = decode(config.path)
    assert name.known and name.configs == (config,)
    assert all(part.kind != "unknown" and part.means for part in name.parts)
    assert (name.frames, name.rate, name.depth) == (config.frames, config.rate, config.depth)
    for found in name.parts:
        if found.kind == "backbone":
            assert int(found.text[1:]) == config.depth
        if found.kind == "layers":
            assert int(found.text) == config.mvit_depth and config.frames == 1
        if found.kind == "temporal":
            blocks = {"50": 6, "101": 23}
            assert tuple(blocks[text] for text in found.text.split("_")) == config.res4_temporal
        if found.kind == "schedule" and found.text == "multigrid":
            assert config.multigrid


@pytest.mark.parametrize("config", ALL, ids=lambda config: config.path)
def test_the_grammar_alone_reads_a_published_clip_as_the_file_holds_it(config: Config) -> None:
    folder = config.path.split("/")[1]
    unseen = decode(f"{folder}/{config.name}_mine")
    assert not unseen.known and unseen.configs == ()
    clips = [part for part in unseen.parts if part.kind in ("clip", "slow")]
    same = (unseen.frames, unseen.rate, unseen.slow_frames, unseen.slow_rate) == (
        config.frames, config.rate, config.slow_frames, config.slow_rate,
    )  # fmt: skip
    assert same is (config.clip_means in ("clip", "slow")) or not clips


def test_two_names_are_wrong_and_said_to_be() -> None:
    wrong = {config.path: decode(config.path) for config in ALL if decode(config.path).wrong}
    assert set(wrong) == {
        "configs/AVA/SLOW_8x8_R50_SHORT.yaml",
        "configs/AVA/c2/SLOW_8x8_R50.yaml",
    }
    for name in wrong.values():
        assert "8x8" in name.wrong[0] and "4x16" in name.wrong[0]
        assert part(name, "clip").means == "wrong: the clip is 4 frames, every 16th"
        assert (name.frames, name.rate) == (4, 16)
    both = decode("SLOW_8x8_R50")
    assert len(both.configs) == 6 and len(both.wrong) == 1 and both.frames == 8


def test_the_same_sampling_has_two_names() -> None:
    kinetics, ava = decode("Kinetics/SLOWFAST_8x8_R50"), decode("SLOWFAST_32x2_R50_SHORT")
    assert part(kinetics, "slow").text == "8x8" and part(ava, "clip").text == "32x2"
    for name in (kinetics, ava):
        assert (name.frames, name.rate, name.slow_frames, name.slow_rate) == (32, 2, 8, 8)
    assert "not say that 8 frames are sampled" in kinetics.misreadings[0]
    assert any("Kinetics' 8x8" in text for text in ava.misreadings)
    assert any("not a part of the data set" in text for text in ava.misreadings)


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("SLOWFAST_4x16_R18", (32, 2, 4, 16)),
        ("SLOWFAST_48x4_R50", (96, 2, 48, 4)),
        ("SLOWFAST_48x2_R50", (48, 2, 12, 8)),
        ("ava/SLOWFAST_8x8_R50_mine", (8, 8, 2, 32)),
        ("SLOWFAST_7x5_R50", (35, 1, 7, 5)),
        ("SLOW_8x4_R50", (8, 4, None, None)),
        ("slowfast_r101", (32, 2, 8, 8)),
        ("x3d_m", (16, 5, None, None)),
        ("C2D_R50_9x9", (9, 9, None, None)),
    ],
)
def test_names_nobody_published(name: str, clip: tuple[int, ...]) -> None:
    read = decode(name)
    assert (read.frames, read.rate, read.slow_frames, read.slow_rate) == clip


def test_an_image_model_is_not_sixteen_frames() -> None:
    name = decode("MVIT_B_16_CONV")
    assert name.frames == 1 and "16 blocks" in part(name, "layers").means
    assert "not of frames" in name.misreadings[0]
    assert part(decode("MVIT_B_16x4_CONV"), "clip").text == "16x4"


def test_the_place_of_a_word_decides() -> None:
    assert part(decode("in1k_VIT_B_MaskFeat_FT"), "prefix").means == "runs on ImageNet-1K"
    assert "inflated" in part(decode("I3D_8x8_R50_IN1K"), "start").means
    assert decode("Slow_R50").parts == decode("SlowR50").parts


def test_unknown_parts_are_marked_with_what_they_may_be() -> None:
    name = decode("SLOWFAST_8x8_R5O_mydata")
    assert [(p.text, p.kind) for p in name.parts[2:]] == [("R5O", "unknown"), ("mydata", "unknown")]
    assert "R50?" in name.parts[2].means and "?" not in name.parts[3].means
    assert "18, 50 and 101 only" in part(decode("SLOWFAST_8x8_R152"), "backbone").means


@pytest.mark.parametrize(
    "name",
    [
        "SLOWFAST_8x8_R50.yaml",
        "/home/me/configs/SLOWFAST_8x8_R50.yml",
        "slowfast_8x8_r50.pkl",
        "https://example.org/models/SLOWFAST_8x8_R50.pyth",
        " SLOWFAST_8x8_R50 ",
    ],
)
def test_folders_and_endings_do_not_matter(name: str) -> None:
    assert len(decode(name).configs) == 6


def test_a_folder_narrows_the_choice() -> None:
    paths = [config.path for config in decode("kinetics/c2/SLOWFAST_8x8_R50").configs]
    assert paths == ["configs/Kinetics/c2/SLOWFAST_8x8_R50.yaml"]
    zoo = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/SLOWFAST_8x8_R50.pyth"
    assert {config.dataset for config in decode(zoo).configs} == {"kinetics"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SLOWFST_8x8_R50", "did you mean SLOWFAST_8x8_R50"),
        ("foo", "SLOWFAST, SLOW, C2D"),
        ("", "no name"),
        ("a/", "no model"),
        (".yaml", "no name"),
        ("\x1b[31mSLOWFAST", "no name"),
        ("SLOWFAST_" * 40, "characters"),
    ],
)
def test_what_names_no_model_is_an_error(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        decode(name)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ("SLOWFAST", "slow", "MVIT", "8x8", "0x0", "9999x9999", "R50", "R0", "R9999", "50",
             "101", "16", "v2.1", "IN1K", "SHORT", "x", "R", "x8", "²", "١x٢", "_", "é", "SlowR50",
             ".yaml", "/", "S", "k400", "")
        ),
        max_size=9,
    )
)  # fmt: skip
def test_any_text_is_read_or_refused(words: list[str]) -> None:
    try:
        name = decode("_".join(words))
    except UsageError:
        return
    assert render([name], Style()) and json.loads(render_json([name]))


def test_as_text_what_is_held_is_told_once_for_those_that_hold_the_same() -> None:
    text = render([decode("SLOWFAST_8x8_R50")], Style())
    assert text.count("configs/") == 5 and "demo/Kinetics" in text
    assert "cannot be loaded as published: SOLVER.WARMUP_EPOCHS" in text
    assert not [line for line in text.splitlines() if len(line) > 80 and "http" not in line]
    unseen = render([decode("SLOWFAST_6x6_R50")], Style())
    assert "no published configuration has this name" in unseen
