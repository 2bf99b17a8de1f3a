"""A PySlowFast checkout: each known incompatibility is named with the command that mends it.

Here torch is a stand-in with nothing to compute: imports and configurations go as far as that. What
needs real torch is in tests/real/test_pyslowfast.py.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from envcheck.errors import UsageError
from envcheck.facts import Distribution, PythonEnv, Snapshot, TorchBuild, Trial, Trials
from envcheck.finding import Finding
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.rules import choose
from envcheck.smoke.pyslowfast import checkout, prove_pyslowfast
from tests.smoke.checkout import packages, write

TORCH = {
    "torch/__init__.py": "__version__ = '2.4.0'\nfrom . import nn, version\n",
    "torch/nn.py": "",
    "torch/version.py": "cuda = None\n",
}
PYTORCHVIDEO = {
    "pytorchvideo/layers/distributed.py": "def get_world_size(): pass\n",
    "pytorchvideo/transforms.py": "import torchvision.transforms.functional_tensor\n",
    "torchvision/transforms/functional.py": "",
}
VERSIONS = ("numpy", "1.26.4"), ("setuptools", "84.0.0")


class Place:
    """A checkout and the packages beside it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.repo = root / "a checkout"
        self.beside = packages(root / "packages", TORCH)
        self.python = root / "python"  # without the packages of this environment
        self.python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
        self.python.chmod(0o755)
        monkeypatch.setenv("PYTHONPATH", str(self.beside))
        monkeypatch.setenv("PYTHONNOUSERSITE", "1")

    def proofs(self, limit: float = 60.0, cfg: str | None = None) -> Trials:
        found = checkout(str(self.repo), cfg)
        return prove_pyslowfast(str(self.python), "cpu", found, limit, lambda text: None)

    def findings(self, limit: float = 60.0, cfg: str | None = None) -> list[Finding]:
        """What the imports and the configuration are found to lack."""
        trials = self.proofs(limit, cfg)
        kept = tuple(t for t in trials.trials if getattr(t, "check", "") not in LATER)
        snapshot = Snapshot(
            trials=Trials(target=trials.target, trials=kept),
            python=PythonEnv(
                executable="/venv/bin/python",
                version="3.11.9",
                distributions=tuple(Distribution(n, v, "", "pip") for n, v in VERSIONS),
            ),
            torch=TorchBuild(version="2.4.0", cuda=None),
        )
        report = judge(snapshot, load(), choose([], [], subject="smoke"))
        assert not report.crashed, report.crashed
        return [f for f in report.findings if f.name != "no_gpu_proved"]


LATER = ("repo_build", "repo_forward")  # they need a real torch


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def run(finding: Finding) -> None:
    """Pastes the finding's command into a shell."""
    assert finding.remedy and len(finding.remedy.commands) == 1
    subprocess.run(["bash", "-c", finding.remedy.commands[0]], check=True)


def test_a_right_checkout(place: Place) -> None:
    write(place.repo)
    before = sorted(place.repo.rglob("*"))
    made = [t for t in place.proofs().trials if isinstance(t, Trial) and t.check not in LATER]
    assert {t.status for t in made} == {"ok"} and place.findings() == []
    assert [t.name for t in made if t.check == "repo_import"] == [
        "import slowfast.config.defaults",
        "import slowfast.models",
        "import slowfast.datasets.loader",
        "import slowfast.utils.meters",
        "import run_net",
    ]
    assert sorted(place.repo.rglob("*")) == before, "something was written into the checkout"


def test_the_commit_is_told(place: Place) -> None:
    git = write(place.repo) / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text("# pack-refs\n287ec00712345 refs/heads/main\n")
    trial = next(t for t in place.proofs().trials if isinstance(t, Trial) and t.check == "repo")
    assert trial.details["commit"] == "287ec00"


# ---- what is mended in the checkout -----------------------------------------------------------

SIX = """\
import torch
if int(torch.__version__.split('.')[1]) < 8:
    from torch._six import int_classes as _int_classes
"""
NUMPY = {
    "numpy/__init__.py": """\
int32 = int


def __getattr__(name):
    raise AttributeError("module 'numpy' has no attribute %r.\\n`np.%s` was removed" % (name, name))
"""
}
PATCHES = {
    "torch._six": ({"multigrid_helper": SIX}, "multigrid_helper.py:3", "minor number alone"),
    "the makers' own tree": (
        {
            "ava_eval_helper": "from vision.fair.slowfast.ava_evaluation import standard_fields\n",
            "run_net": "from vision.fair.slowfast.tools.train_net import train\n",
        },
        "ava_eval_helper.py:1",
        "inside Meta only",
    ),
    "numpy's aliases": (
        {"head_helper": "import numpy as np\nKIND = np.float\nKINDS = [np.object, np.int32]\n"},
        "head_helper.py:2",
        "removed in 1.24",
    ),
}


@pytest.mark.parametrize(("changes", "where", "cause"), PATCHES.values(), ids=PATCHES)
def test_the_printed_patch_mends_it(
    place: Place, changes: dict[str, str], where: str, cause: str
) -> None:
    packages(place.beside, NUMPY)
    write(place.repo, **changes)
    found = place.findings()
    assert {f.name for f in found} == {"pyslowfast_incompatible"}
    assert where in found[0].message and cause in found[0].message
    run(found[0])
    assert place.findings() == []


def test_a_configuration_key_that_was_renamed(place: Place) -> None:
    write(place.repo, SLOWFAST_4x16_R50="TENSORBOARD:\n  TOPK: 2\n")
    (found,) = place.findings()
    assert "TENSORBOARD.TOPK" in found.message
    file = place.repo / "configs/Kinetics/SLOWFAST_4x16_R50.yaml"
    file.write_text(file.read_text().replace("TENSORBOARD:\n", "TENSORBOARD.MODEL_VIS:\n"))
    defaults = place.repo / "slowfast/config/defaults.py"
    defaults.write_text(
        defaults.read_text()
        .replace("TENSORBOARD=", '**{"TENSORBOARD.MODEL_VIS": ')
        .replace("TOPK_PREDS=1),", "TOPK_PREDS=1)},")
    )
    (found,) = place.findings()
    assert found.name == "pyslowfast_incompatible"
    run(found)
    assert place.findings() == []


def test_a_block_that_no_code_reads(place: Place) -> None:
    repo = write(place.repo)
    (repo / "mine.yaml").write_text(
        "NUM_GPUS: 1\nPREFETCH:\n  NUM_LOADERS: 3\nDATA:\n  NUM_FRAMES: 8\n"
    )
    (found,) = place.findings(cfg=str(repo / "mine.yaml"))
    run(found)
    assert place.findings(cfg=str(repo / "mine.yaml")) == []
    assert (repo / "mine.yaml").read_text() == "NUM_GPUS: 1\nDATA:\n  NUM_FRAMES: 8\n"


# ---- what is mended in the environment --------------------------------------------------------


def test_everything_that_is_missing_is_told_at_once(place: Place) -> None:
    write(
        place.repo,
        head_helper="from detectron2.layers import ROIAlign\nimport torchvision\n",
        build="from fvcore.common.registry import Registry\n",
        loader="import cv2\nfrom PIL import Image\nimport simplejson, psutil\n",
        meters="from sklearn.metrics import average_precision_score\nimport unheard_of\n",
    )
    (found,) = place.findings()
    assert found.name == "pyslowfast_packages_missing"
    names = "fvcore, detectron2, torchvision, cv2, PIL, simplejson, psutil, sklearn, unheard_of"
    assert found.message.startswith(f"{names} are not installed")
    assert found.remedy and "what brings unheard_of" in found.remedy.text
    first, vision, detectron2 = found.remedy.commands
    start = "/venv/bin/python -m pip install fvcore 'setuptools<82' wheel opencv-python-headless"
    assert first == f"{start} pillow simplejson psutil scikit-learn"
    assert "torchvision==0.19" in vision
    assert detectron2.endswith(
        "--no-build-isolation git+https://github.com/facebookresearch/detectron2"
    )


def test_what_setuptools_no_longer_brings(place: Place) -> None:
    write(place.repo, loader="import pkg_resources\nimport no_such_distutils\n")
    (found,) = place.findings()
    assert found.remedy and "'setuptools<82'" in found.remedy.commands[0]


def test_a_package_that_is_called_at_once_hides_no_other(place: Place) -> None:
    write(
        place.repo,
        defaults="from fvcore.common.config import CfgNode\nC = CfgNode()\n",
        loader="import simplejson\n",
    )
    (found,) = place.findings()
    assert found.message.startswith("fvcore, simplejson are not")


def test_the_released_pytorchvideo(place: Place) -> None:
    packages(place.beside, PYTORCHVIDEO)
    write(
        place.repo,
        meters="from pytorchvideo.layers.distributed import cat_all_gather, get_local_rank\n",
        loader="from pytorchvideo.losses.soft_target_cross_entropy import X\n",
        ptv_model_builder="import pytorchvideo.transforms\n",
    )
    release, hidden = place.findings()
    assert (release.name, release.severity) == ("pyslowfast_incompatible", "error")
    assert len(release.evidence) == 3 and "0.1.5" in release.message
    assert release.remedy and "--force-reinstall --no-deps git+" in release.remedy.commands[0]
    assert (hidden.name, hidden.severity) == ("pyslowfast_incompatible", "warning")
    assert "PySlowFast hides this error" in hidden.message
    assert "functional_tensor" in hidden.message and "pytorchvideo/transforms.py" in hidden.message


def test_an_alias_of_numpy_in_another_package(place: Place) -> None:
    packages(place.beside, {**NUMPY, "pytorchvideo/data.py": "import numpy\nnumpy.float\n"})
    write(place.repo, loader="import pytorchvideo.data\n")
    (found,) = place.findings()
    assert "in pytorchvideo/data.py" in found.message
    assert found.remedy and found.remedy.commands == (
        '/venv/bin/python -m pip install "numpy<1.24"',
    )


def test_a_torchvision_of_another_torch(place: Place) -> None:
    error = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    packages(place.beside, {"torchvision/ops.py": "", "torchvision/__init__.py": error})
    write(place.repo, head_helper="from torchvision.ops import roi_align\n", loader="import cv2\n")
    broken, missing = place.findings()
    assert "another torch" in broken.message
    assert broken.remedy and "torchvision==0.19" in broken.remedy.commands[0]
    assert missing.message.startswith("cv2 is not")


# ---- what is not known ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [("raise ValueError('odd')\n", "head_helper.py:1: ValueError: odd."),
     ("def f(:\n", "SyntaxError"), ("import slowfast.nowhere\n", "slowfast.nowhere"),
     ("from slowfast.config import nowhere\n", "cannot import name 'nowhere'")],
)  # fmt: skip
def test_an_error_nobody_knows(place: Place, text: str, words: str) -> None:
    write(place.repo, head_helper=text, loader="import cv2\n")
    found = place.findings()
    assert [f.name for f in found] == ["pyslowfast_packages_missing", "pyslowfast_fails"]
    assert words in found[1].message


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("import time\ntime.sleep(600)\n", "proof_timed_out", "import slowfast.models"),
        ("import os\nos.kill(os.getpid(), 11)\n", "proof_crashed", "SIGSEGV"),
        ("import sys\nsys.exit(3)\n", "proof_crashed", "code 3"),
    ],
)
def test_an_import_that_never_returns(place: Place, text: str, name: str, words: str) -> None:
    write(place.repo, head_helper=text)
    (found,) = place.findings(limit=2.0 if "sleep" in text else 60.0)
    assert found.name == name and words in found.message
    assert "import slowfast.models" in found.subject


def test_what_a_checkout_prints_is_no_answer(place: Place) -> None:
    write(place.repo, head_helper='print(\'{"event": "end"}\' * 999)\n')
    assert place.findings() == []


# ---- which checkout ---------------------------------------------------------------------------


def test_a_configuration_by_its_name_below_configs(place: Place) -> None:
    write(place.repo)
    found = checkout(str(place.repo), "Kinetics/SLOWFAST_4x16_R50.yaml")
    assert found.cfg == str(place.repo / "configs/Kinetics/SLOWFAST_4x16_R50.yaml")
    assert checkout(str(place.repo), None) == found
    other = Path(found.cfg).with_name("SLOWFAST_NEW.yaml")
    Path(found.cfg).rename(other)
    assert checkout(str(place.repo), None).cfg == str(other)


@pytest.mark.parametrize(
    ("repo", "cfg", "words"),
    [
        ("/nonexistent", None, "no checkout"),
        ("{repo}/slowfast", None, "a checkout is one"),
        ("{repo}", "none.yaml", "none.yaml: no such file"),
        ("{repo}", "x" * 5000, "File name too long"),
    ],
)
def test_what_is_no_checkout(place: Place, repo: str, cfg: str | None, words: str) -> None:
    write(place.repo)
    with pytest.raises(UsageError, match=words):
        checkout(repo.format(repo=place.repo), cfg)


def test_a_checkout_without_configurations(place: Place) -> None:
    write(place.repo)
    (place.repo / "configs/Kinetics/SLOWFAST_4x16_R50.yaml").unlink()
    with pytest.raises(UsageError, match="--cfg"):
        checkout(str(place.repo), None)
