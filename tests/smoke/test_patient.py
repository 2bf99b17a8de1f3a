"""The scripts of the proofs, as far as they go without torch."""

import ast
import importlib
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.test_patient import pythons

PATIENT = Path(str(resources.files("envcheck.patient")))
SCRIPTS = sorted(PATIENT.glob("*.py"))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports one of the scripts; they are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(PATIENT))
    yield importlib.import_module
    for name in [name for name in sys.modules if name.startswith("smoke_")]:
        del sys.modules[name]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_it_is_python_37_syntax(script: Path) -> None:
    ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_splitmix64_is_the_published_generator(patient: Any) -> None:
    """Reference output for the seed 1234567 (Vigna, splitmix64.c)."""
    values = patient("smoke_golden").splitmix64(1234567, 5).tolist()
    assert values == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_it_counts_from_anywhere(patient: Any) -> None:
    golden = patient("smoke_golden")
    whole = golden.splitmix64(7, 100).tolist()
    assert whole[40:60] == golden.splitmix64(7, 20, 40).tolist()


def test_uniform_numbers_do_not_depend_on_how_many_are_made_at_a_time(
    patient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = patient("smoke_golden")
    whole = golden.uniform("blocks.0.weight", 1000)
    monkeypatch.setattr(golden, "CHUNK", 7)
    assert (golden.uniform("blocks.0.weight", 1000) == whole).all()
    assert whole.dtype == "float32" and whole.min() >= 0 and whole.max() < 1
    assert abs(whole.mean() - 0.5) < 0.05 and abs(whole.std() - 12**-0.5) < 0.02
    assert (golden.uniform("blocks.1.weight", 1000) != whole).any()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("CUDA out of memory. Tried to allocate 2.00 GiB", "out_of_memory"),
        ("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes", "out_of_memory"),
        ("CUDA error: an illegal memory access was encountered", "gpu_fault"),
        ("CUDA error: unspecified launch failure", "gpu_fault"),
        ("CUDA error: uncorrectable ECC error encountered", "gpu_lost"),
        ("CUDA error: all CUDA-capable devices are busy or unavailable", "gpu_lost"),
        ("CUDA error: no kernel image is available for execution on the device", "no_gpu_code"),
        ("CUDA error: invalid device ordinal", "device_absent"),
        ("Found no NVIDIA driver on your system", "no_gpu"),
        ("The NVIDIA driver on your system is too old (found version 11040)", "driver_too_old"),
        ("libcudnn.so.9: cannot open shared object file", "missing_library"),
        ("mat1 and mat2 shapes cannot be multiplied", "error"),
    ],
)
def test_errors_have_a_word(patient: Any, words: str, reason: str) -> None:
    assert patient("smoke_harness").reason(RuntimeError(words)) == reason


FAKE = """
version = type('version', (), {'__version__': '', 'cuda': '12.1'})
__version__ = '2.4.0'
import torch.nn
backends = type('backends', (), {
    'cuda': type('cuda', (), {'matmul': type('matmul', (), {'allow_tf32': False})}),
    'cudnn': type('cudnn', (), {'allow_tf32': False}),
})
float32 = float16 = bfloat16 = matmul = None
def manual_seed(seed): pass
def randn(*shape): raise RuntimeError('CUDA error: %s')
"""


@pytest.mark.parametrize(
    ("error", "reason", "more"),
    [
        ("GPU is lost", "gpu_lost", 0),
        ("an illegal memory access was encountered", "gpu_fault", 0),
        ("out of memory", "out_of_memory", 1),
    ],
)
def test_nothing_is_tried_on_a_gpu_that_was_lost(
    tmp_path: Path, error: str, reason: str, more: int
) -> None:
    """Every later operator would fail for the same reason, or hang."""
    from envcheck.smoke.run import Job, run

    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text(FAKE % error)
    (tmp_path / "torch/nn.py").touch()
    job = Job(script="smoke_torch.py", device="cpu", options={"limits": {"fp32": 1}}, limit=60)
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "PYTHONNOUSERSITE": "1"}
    made, _ = run(sys.executable, job, lambda text: None, environ)
    assert [(t.name, t.reason) for t in made[:2]] == [("import torch", ""), ("matmul fp32", reason)]
    assert (len(made) > 2) == bool(more), "the job went on"


def test_the_largest_that_fits_is_told(patient: Any) -> None:
    memory, fail = patient("smoke_memory"), patient("smoke_harness").Fail

    def holds(room: int) -> Any:
        def run(batch: int) -> int:
            if batch > room:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has …")
            return batch

        return run

    def ask(room: int, batch: int) -> int:
        made = memory.fitting(None, "cpu", memory.batches(batch), holds(room), memory.BATCHES)
        assert isinstance(made, int)
        return made

    assert ask(8, 8) == 8 and ask(1, 1) == 1
    for batch, room, words in ((64, 11, "A batch of 8 fits"), (7, 1, "of 1 fits"), (1, 0, "Not")):
        with pytest.raises(fail) as caught:
            ask(room, batch)
        reason, text = caught.value.args
        assert reason == "out_of_memory" and words in text and text.startswith("RuntimeError: CUDA")
    with pytest.raises(ZeroDivisionError):
        memory.fitting(None, "cpu", (1, ()), lambda n: 1 // 0, memory.BATCHES)


@pytest.mark.parametrize("python", pythons())
def test_an_interpreter_without_torch(python: str, tmp_path: Path) -> None:
    """Every Python at hand runs the script as far as its import."""
    from envcheck.smoke.run import Job, run

    job = Job(script="smoke_torch.py", device="cpu", options={"limits": {}}, limit=60)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONNOUSERSITE": "1"}
    made, _ = run(python, job, lambda text: None, environ)
    assert (made[0].check, made[0].status) == ("import", "failed")
    assert "torch" in made[0].detail and len(made) == 1
