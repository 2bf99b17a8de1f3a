"""Configurations read as PySlowFast reads them; what is none is refused with one sentence."""

import json
from pathlib import Path

import pytest

from envcheck.errors import UsageError
from envcheck.video.config import Config, read_config
from envcheck.video.config_text import LIMIT
from envcheck.video.defaults import SECTION, published, read_defaults

RECORDED = json.loads(
    (Path(__file__).parent.parent / "fixtures/yacs_takes.json").read_text(encoding="utf-8")
)


def read(text: str | bytes | dict[str, str], *overrides: str) -> Config:
    """The configuration of a text, or of x.yaml among several."""
    files = text if isinstance(text, dict) else {"x.yaml": text}

    def data(path: str) -> bytes:
        if path not in files:
            raise UsageError(f"{path} is not there")
        held = files[path]
        return held if isinstance(held, bytes) else held.encode()

    return read_config("x.yaml", data, published(), overrides)


def nested(key: str, value: str) -> str:
    section, _, name = key.rpartition(".")
    return f"{section}:\n  {name}: {value}\n" if section else f"{name}: {value}\n"


# ---- as PySlowFast reads it -------------------------------------------------------------------


@pytest.mark.parametrize("key", RECORDED["taken"])
def test_the_same_values_are_taken_as_by_pyslowfast_itself(key: str) -> None:
    """The fixture holds what fvcore and yacs took of each value for one setting of every type."""
    taken = []
    for value in RECORDED["values"]:
        config = read(nested(key, value))
        if not config.tags and all(setting.taken for setting in config.given):
            taken.append(value)
    assert taken == RECORDED["taken"][key]


def test_text_is_read_as_a_python_value_where_it_is_one() -> None:
    config = read(
        'SOLVER:\n  WEIGHT_DECAY: 1e-4\n  LRS: "[1, 0.1]"\n  STEPS: (0, 10)\nTASK: None\n'
    )
    assert config.settings["SOLVER.WEIGHT_DECAY"] == 1e-4
    assert config.settings["SOLVER.LRS"] == [1, 0.1] and config.settings["SOLVER.STEPS"] == [0, 10]
    assert config.settings["TASK"] is None
    assert config.settings["TRAIN.BATCH_SIZE"] == 64, "the default"


def test_every_setting_knows_its_line() -> None:
    config = read("# mine\nTRAIN:\n  ENABLE: True\n\n  BATCH_SIZE: 8\nNUM_GPUS: 2\n")
    places = {setting.key: setting.place for setting in config.given}
    assert places == {
        "TRAIN.ENABLE": "x.yaml:3",
        "TRAIN.BATCH_SIZE": "x.yaml:5",
        "NUM_GPUS": "x.yaml:6",
    }


def test_of_a_key_that_is_repeated_the_last_holds() -> None:
    config = read("MVIT:\n  DEPTH: 24\n  MODE: conv\n  DEPTH: 16\n  MODE: conv\n  DEPTH: 8\n")
    assert config.settings["MVIT.DEPTH"] == 8
    assert [(r.key, r.lines, r.same) for r in config.repeats] == [
        ("MVIT.DEPTH", (2, 4, 6), False),
        ("MVIT.MODE", (3, 5), True),
    ]


def test_the_command_line_goes_over_the_file() -> None:
    config = read("NUM_GPUS: 8\n", "NUM_GPUS", "2", "DATA.PATH_TO_DATA_DIR", "/d", "FOO", "1")
    assert config.settings["NUM_GPUS"] == 2 and config.settings["DATA.PATH_TO_DATA_DIR"] == "/d"
    last = config.given[-1]
    assert (last.key, last.place, last.taken) == ("FOO", "the command line", False)
    with pytest.raises(UsageError, match="'NUM_GPUS' has no value"):
        read("NUM_GPUS: 8\n", "NUM_GPUS")


def test_what_is_refused_does_not_go_over_the_default() -> None:
    config = read("NUM_GPUS: many\nTRAIN: 5\n")
    assert config.settings["NUM_GPUS"] == 1 and config.settings["TRAIN.BATCH_SIZE"] == 64
    assert [setting.taken for setting in config.given] == [False, False]


# ---- files on one another ---------------------------------------------------------------------


def test_a_base_lies_under_the_file() -> None:
    config = read(
        {
            "x.yaml": "_BASE_: [base/a.yaml, base/b.yaml]\nTRAIN:\n  BATCH_SIZE: 8\n",
            "base/a.yaml": "_BASE_: deep/c.yaml\nTRAIN:\n  BATCH_SIZE: 16\n  DATASET: ava\n",
            "base/b.yaml": "TRAIN:\n  DATASET: charades\n",
            "base/deep/c.yaml": "NUM_GPUS: 4\nTRAIN:\n  DATASET: ssv2\n",
        }
    )
    assert config.settings["TRAIN.BATCH_SIZE"] == 8
    assert config.settings["TRAIN.DATASET"] == "charades" and config.settings["NUM_GPUS"] == 4
    places = {setting.key: setting.place for setting in config.given}
    assert places["NUM_GPUS"] == "base/deep/c.yaml:1"
    assert places["TRAIN.DATASET"] == "base/b.yaml:2"


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("x.yaml", "builds on itself"),
        ("[a.yaml, x.yaml]", "builds on itself"),
        ("gone.yaml", "gone.yaml is not there"),
        ("https://example.org/a.yaml", "download https://example.org/a.yaml"),
        ("5", "must name a file"),
        ("{a: b}", "must name a file"),
        ("~nobodyofthisname/a.yaml", "is not there"),
        ("[" + ", ".join(["a.yaml"] * 30) + "]", "more than 20 files"),
    ],
)
def test_a_base_that_is_none(base: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read({"x.yaml": f"_BASE_: {base}\n", "a.yaml": "NUM_GPUS: 1\n"})


def test_aliases_and_merged_mappings() -> None:
    config = read(
        "TRAIN: &t {BATCH_SIZE: 8, ENABLE: False}\nTEST:\n  <<: *t\n  BATCH_SIZE: 4\nNUM_GPUS: 1\n"
    )
    assert config.settings["TEST.BATCH_SIZE"] == 4 and config.settings["TEST.ENABLE"] is False


# ---- what is no configuration -----------------------------------------------------------------

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in b"bcdefghi"
)
MERGES = b"a: &a {x: 1}\n" + b"".join(
    b"%c: &%c {<<: [%s]}\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in b"bcdefghi"
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"- 1\n", "holds no settings"),
        (b"5\n", "holds no settings"),
        (b"a: 1\n---\nb: 2\n", "line 2"),
        (b"a:\n  b: 1\n c: 2\n", "line 3"),
        (b"a: b: c\n", "line 1: mapping values"),
        (b"a:\n\t- 1\n", "line 2"),
        (b"\x7fELF\0\0", "is binary"),
        (b"A: \xff\xfe\n", "not UTF-8"),
        ("A: 1\n".encode("utf-16"), "is binary"),
        (b"A: \x07\n", "special characters"),
        (b"A: " + b"x" * LIMIT, "larger than 32 KiB"),
        (b"A: " + b"[" * 20_000, "nests too deeply"),
        (b"A: " + b"[" * 15_000 + b"]" * 15_000, "nests too deeply"),
        (b"{a: " * 5_000, "nests too deeply"),
        (b"- " * 10_000, "nests too deeply"),
        (b"\n".join(b" " * n + b"a:" for n in range(200)), "nests deeper than 50"),
        (BOMB, "more than 20000 values"),
        (MERGES, "more than 20000 values"),
        (b"a: &a [*a]\n", "nests deeper"),
        (b"a: &a {b: *a}\n", "nests deeper"),
        (b"a: &a {<<: *a}\n", "nests deeper"),
        (b"a: {<<: 5}\n", "takes mappings"),
        (b"? [1, 2]\n: 3\n", "a name must be text"),
        (b"A: 2020-13-45\n", "is no timestamp"),
        (b"A: !!int x\n", "'x' is no int"),
        (b"A: !!bool x\n", "'x' is no bool"),
        (b"A: !!timestamp x\n", "'x' is no timestamp"),
        (b"A: !!binary '====x'\n", "base64"),
        (b"A: *nobody\n", "undefined alias"),
    ],
)
def test_what_is_no_configuration_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"A: '" + b"(" * 900 + b"'\n",
        b"A: '" + b"-" * 900 + b"1'\n",
        b"A: '" + b"9" * 900 + b"'\n",
        b"A: 0x" + b"f" * 5_000 + b"\n",
        b"A: .nan\n",
        b'A: "\\ud800"\n',
        b'"\\ud800": 1\n',
        b'"\\u202e": "\\e[31m"\n',
        b"A: !!omap [a: 1]\nB: !!set {a, b}\nC: !!pairs [1]\n",
        b"A: !!str [1]\nB: !!seq x\n",
    ],
)
def test_odd_values_are_read_and_can_be_written(data: bytes) -> None:
    config = read(data)
    assert config.given and json.dumps([setting.value for setting in config.given])


@pytest.mark.parametrize(
    "text",
    [
        "TRAIN: !!python/object/apply:os.mkdir ['MARK']\n",
        "TRAIN:\n  FOO: [1, !!python/object/apply:os.mkdir ['MARK']]\n",
        "!!python/name:os.mkdir MARK: 1\n",
        "!!python/object/new:os.mkdir {a: MARK}\n",
        "TASK: !!python/object/apply:eval [\"__import__('os').mkdir('MARK')\"]\n",
        "TASK: __import__('os').mkdir('MARK')\n",
    ],
)
def test_code_is_never_run(text: str, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    config = read(text.replace("MARK", str(mark)))
    assert not mark.exists()
    assert [tag.tag[:9] for tag in config.tags] == ["!!python/"] * ("!!" in text)


# ---- the settings that exist ------------------------------------------------------------------


def test_the_published_defaults() -> None:
    settings = published().settings
    assert len(settings) == 368 and "287ec007" in published().source
    assert settings["TRAIN.BATCH_SIZE"].value == 64 and settings["TRAIN"].type == SECTION
    assert settings["CONTRASTIVE.DELTA_CLIPS_MIN"].type == "float"


def test_defaults_are_read_from_source_that_is_never_run() -> None:
    found = read_defaults(
        "import nothing_there\n"
        "_C = CfgNode()\n"
        "_C.TRAIN = CfgNode()\n"
        "_C.TRAIN.SIZES = (1, 2)\n"
        "_C.TRAIN.LOW = -math.inf\n"
        "_C.TRAIN.ROOT = os.environ['HOME']\n"
        "_C.TRAIN.PAIR = [0.5, 0.5**0.5]\n"
        "other.TRAIN.NOT = 1\n"
        "raise SystemExit\n"
        "def add_custom_config(_C):\n"
        "    _C.MINE = fvcore.CfgNode()\n"
        "    _C.MINE.RATE = 3\n",
        "defaults.py",
    )
    assert {key: (one.type, one.value) for key, one in found.items()} == {
        "TRAIN": (SECTION, None),
        "TRAIN.SIZES": ("tuple", [1, 2]),
        "TRAIN.LOW": ("float", None),
        "TRAIN.ROOT": ("", None),
        "TRAIN.PAIR": ("list", None),
        "MINE": (SECTION, None),
        "MINE.RATE": ("int", 3),
    }


@pytest.mark.parametrize("text", ["def (", "a\0b", "(" * 5000])
def test_what_is_no_python_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"defaults\.py"):
        read_defaults(text, "defaults.py")
