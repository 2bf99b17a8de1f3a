"""Requirements as people write them: what they mean, and what is said of a mistake."""

import pytest

from envcheck.facts import Clause
from envcheck.policy.errors import ExpressionError
from envcheck.policy.expression import LIMIT, parse

GIB = 1 << 30


@pytest.mark.parametrize(
    ("text", "path", "clauses"),
    [
        ("gpu.count>=8", "gpu.count", [(">=", 8)]),
        ("gpu.sm>=9.0", "gpu.sm", [(">=", "9.0")]),
        ("gpu.memory>=80GiB", "gpu.memory_bytes", [(">=", 80 * GIB)]),
        ("gpu.memory >= 79.5 GiB", "gpu.memory_bytes", [(">=", 159 * GIB // 2)]),
        ("gpu.memory>=80GB", "gpu.memory_bytes", [(">=", 80 * 10**9)]),
        ("driver>=535", "driver.version", [(">=", "535")]),
        ("torch==2.4.*", "torch.version", [("==", "2.4.*")]),
        ("torch >= 2.3, < 2.5", "torch.version", [(">=", "2.3"), ("<", "2.5")]),
        ("torch", "torch.version", []),
        ("cuda>=12.1", "driver.cuda", [(">=", "12.1")]),
        ("torch.cuda>=12.1", "torch.cuda", [(">=", "12.1")]),
        ("python<3.12", "python.version", [("<", "3.12")]),
        ("shm>=8GiB", "host.shm_bytes", [(">=", 8 * GIB)]),
        ("package:Foo_Bar.baz<2", "python.distributions.foo-bar-baz.version", [("<", "2")]),
        ("package:tensorflow == none", "python.distributions.tensorflow.version", [("==", None)]),
        ("gpu.name==*H100*", "gpu.name", [("==", "*H100*")]),
        ("gpu.name=='none'", "gpu.name", [("==", "none")]),
        ('host.os_name == "Debian, 12"', "host.os_name", [("==", "Debian, 12")]),
        ("driver.uvm_loaded", "driver.uvm_loaded", []),
        ("driver.uvm_loaded==no", "driver.uvm_loaded", [("==", False)]),
        ("gpus.devices.0.sm>=9.0", "gpus.devices.0.sm", [(">=", "9.0")]),
        ("torch.companions.torchvision.version>=0.19", "torch.companions.torchvision.version",
         [(">=", "0.19")]),
        ("environment.variables.CUDA_HOME!=none", "environment.variables.CUDA_HOME",
         [("!=", None)]),
        ("host.memlock_bytes>=64MiB", "host.memlock_bytes", [(">=", 64 << 20)]),
    ],
)  # fmt: skip
def test_meaning(text: str, path: str, clauses: list[tuple[str, object]]) -> None:
    requirement = parse(text)
    assert requirement.path == path
    assert [(clause.operator, clause.value) for clause in requirement.clauses] == clauses


@pytest.mark.parametrize(
    ("text", "path", "key"),
    [
        ("disk:/data>=500GiB", "disk", "/data"),
        ("disk:'/my data/'>=500GiB", "disk", "/my data"),
        ("ffmpeg.encoder:hevc_nvenc", "ffmpeg.builds.0.encoders", "hevc_nvenc"),
        ("torch.sass:sm_90", "torch.sass", "sm_90"),
    ],
)
def test_one_of_many(text: str, path: str, key: str) -> None:
    requirement = parse(text)
    assert (requirement.path, requirement.key) == (path, key)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("gpu.count>=8", {"gpus", "environment"}),
        ("disk:/data>=1TB", {"host"}),
        ("package:numpy", {"python"}),
        ("ffmpeg.encoder:hevc_nvenc", {"ffmpeg"}),
        ("loader.libcuda", {"loader"}),
    ],
)
def test_what_is_looked_up_for_it(text: str, facts: set[str]) -> None:
    assert set(parse(text).facts) == facts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpu.cont>=8", "did you mean gpu.count"),
        ("gpus.devices.0.smx>=9.0", "did you mean gpus.devices.0.sm"),
        ("drivr>=535", "did you mean driver"),
        ("numpy<2", "package:numpy"),
        ("driver.sources.version==x", "no fact is called"),
        ("policy.files", "no fact is called"),
        ("gpu.sm>=90", "did you mean 9.0?"),
        ("gpu.sm>=sm_120", "did you mean 12.0?"),
        ("gpu.sm>=9", "did you mean 9.0?"),
        ("gpu.memory>=80", "needs a unit"),
        ("gpu.memory>=80gib", "did you mean GiB"),
        ("gpu.memory>=80parsec", "is no unit"),
        ("gpu.memory>=999999999999PiB", "more than any machine has"),
        ("gpu.memory>=-3GiB", "is no size"),
        ("gpu.count>=8GiB", "it cannot be in 'GiB'"),
        ("gpu.count>=eight", "plain number"),
        ("gpu.count", "needs a comparison"),
        ("gpu.count=8", "did you mean ==?"),
        ("gpu.count=>8", "did you mean >=?"),
        ("gpu.count≥8", "did you mean >=?"),
        ("driver===535", "did you mean ==?"),
        ("driver>=", "a value must follow >="),
        ("driver>=535,", "must follow the comma"),
        ("driver>=535 <540", "put a comma"),
        ("driver 535", "is no comparison"),
        ("driver>=new", "is no version"),
        ("driver>=535.*", "goes with == and != only"),
        ("torch~=2", "~=2.0"),
        ("gpu.count~=8", "~= is for versions"),
        ("driver>=none", "cannot be asked of none"),
        ("driver.module_flavor>open", "has no order"),
        ("driver.uvm_loaded==maybe", "is yes or no"),
        ("driver.fabric_manager==x", "is there or not"),
        ("torch.sass", "is a list"),
        ("driver:x", "is no list"),
        ("disk:data>=4GiB", "from the root on"),
        ("disk>=4GiB", "as in disk:/data"),
        ("package:>=4", "as in package:numpy"),
        ("package:a/b", "no name of a Python package"),
        ("ffmpeg.encoder:libx264", "end in _nvenc"),
        ("", "no requirement"),
        (">=8", "no requirement"),
        ("gpu.count>=" + "8" * LIMIT, "characters"),
        ("gpu.name=='\x1b[31m'", "cannot be printed"),
        ("gpu.name==\udcff", "cannot be printed"),
    ],
)  # fmt: skip
def test_mistake(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(text)
    assert said in str(error.value)
    assert len(str(error.value)) < 400


def test_a_clause_with_none_is_not_the_word_none() -> None:
    assert parse("torch.cuda == none").clauses == (Clause("==", None),)
