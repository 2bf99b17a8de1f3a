"""Git repositories that stand for detectron2, PyTorchVideo and PySlowFast, on loopback HTTP.

They hold the lines that the roles' patches change, and little else. Must not know the roles' tasks.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.provisioning.base import base_root
from tests.provisioning.channel import PackageIndex
from tests.provisioning.repository import Key, Server
from tests.provisioning.scenario import ANSIBLE, Root, make_root, unmount
from tests.provisioning.wheelhouse import wheelhouse

SETUP = """
from setuptools import find_packages, setup
setup(name="{name}", version="{version}", packages=find_packages())
"""
DETECTRON2_SETUP = """
import os
from pathlib import Path
from setuptools import find_packages, setup
import torch  # not there under build isolation
Path("detectron2/_C.py").write_text(
    f"CUDA = {os.environ.get('FORCE_CUDA') == '1'}\\n"
    f"ARCHES = {os.environ.get('TORCH_CUDA_ARCH_LIST')!r}\\n"
    "def has_cuda(): return CUDA\\n"
    "def get_cuda_version(): return 'CUDA 12.1'\\n"
)
setup(
    name="detectron2",
    version="0.6",
    packages=find_packages(),
    package_data={"detectron2.model_zoo": ["configs/COCO-Detection/*.yaml"]},
)
"""


class Upstream:
    """A repository to clone from `url`; each commit adds to the one before."""

    def __init__(self, server: Server, name: str, work: Path) -> None:
        self.work = work / name
        place = f"git/{work.parent.name}/{work.name}/{name}.git"
        self.bare = server.folder / place
        self.url = f"{server.url}/{place}"
        self.work.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")
        subprocess.run(["git", "init", "--quiet", "--bare", str(self.bare)], check=True)

    def commit(self, files: Mapping[str, str | None]) -> str:
        """Write files, or remove them, and publish; returns the commit's 40 digits."""
        for path, text in files.items():
            target = self.work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                target.unlink()
            else:
                target.write_text(text, encoding="utf-8")
        self._git("add", "--all")
        who = ("-c", "user.name=Fixtures", "-c", "user.email=fixtures@example.org")
        self._git(*who, "commit", "--quiet", "--message=fixture")
        self._git("push", "--quiet", str(self.bare), "main")
        subprocess.run(["git", "-C", str(self.bare), "update-server-info"], check=True)
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        command = ["git", "-C", str(self.work), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Upstreams:
    """All three: role variables that name them, and other commits than those named there."""

    vars: dict[str, str]
    cpu: str  # detectron2 that never compiles with CUDA
    old: str  # PyTorchVideo as on the package index
    later: str  # PySlowFast with the authors' own imports


def publish(server: Server, work: Path) -> Upstreams:
    """The three repositories."""
    one, sha, cpu = detectron2(server, work)
    two, old, new = pytorchvideo(server, work)
    three, pinned, later = slowfast(server, work)
    variables = {
        "detectron2_repository": one.url,
        "detectron2_commit": sha,
        "pytorchvideo_repository": two.url,
        "pytorchvideo_commit": new,
        "slowfast_repository": three.url,
        "slowfast_commit": pinned,
    }
    return Upstreams(variables, cpu, old, later)


@contextmanager
def root_with_git(work: Path, key: Key) -> Iterator[Root]:
    """Debian 12 with git and python3-venv from Debian's own archive, to build other roots on."""
    root = make_root(base_root("bookworm"), work, megabytes=2048, archive=True, key=key)
    try:
        root.run("apt-get", "-q", "update")
        root.run("apt-get", "-qy", "--no-install-recommends", "install", "git", "python3-venv")
        yield root
    finally:
        unmount(root)


def before(role: str, patch: str) -> list[str]:
    """What a role's patch expects: the text before the change, one for each of its hunks."""
    text = (ANSIBLE / f"roles/{role}/files/{patch}.patch").read_text(encoding="utf-8")
    hunks = re.split(r"(?m)^@@.*\n", text)[1:]
    return [
        "".join(line[1:] for line in hunk.splitlines(True) if line[0] in " -") for hunk in hunks
    ]


def detectron2(server: Server, work: Path) -> tuple[Upstream, str, str]:
    """Its repository, a sound commit, and one that never compiles with CUDA."""
    upstream = Upstream(server, "detectron2", work)
    head, tail = before("detectron2", "model-zoo")
    zoo = "detectron2/model_zoo"
    sha = upstream.commit(
        {
            ".gitignore": "build\n*.egg-info\n_C.py\n",
            "setup.py": DETECTRON2_SETUP,
            "detectron2/__init__.py": "",
            "detectron2/checkpoint.py": "DetectionCheckpointer = object\n",
            f"{zoo}/__init__.py": "from .model_zoo import get_config_file\n",
            f"{zoo}/model_zoo.py": f'{head}def get_config_file(config_path):\n    """\n{tail}',
            f"{zoo}/configs/COCO-Detection/faster_rcnn_R_50_FPN_1x.yaml": "",
        }
    )
    broken = DETECTRON2_SETUP.replace("'FORCE_CUDA'", "'NO_SUCH_VARIABLE'")
    return upstream, sha, upstream.commit({"setup.py": broken})


def pytorchvideo(server: Server, work: Path) -> tuple[Upstream, str, str]:
    """Its repository, the commit of the index's release, and the one that has what is needed."""
    upstream = Upstream(server, "pytorchvideo", work)
    old = upstream.commit(
        {
            "setup.py": SETUP.format(name="pytorchvideo", version="0.1.5"),
            "pytorchvideo/__init__.py": "",
            "pytorchvideo/transforms/__init__.py": "",
            "pytorchvideo/layers/__init__.py": "",
            "pytorchvideo/layers/distributed.py": "",
            "pytorchvideo/models/__init__.py": "",
            "pytorchvideo/models/slowfast.py": "",
        }
    )
    new = upstream.commit(
        {
            "pytorchvideo/losses/__init__.py": "",
            "pytorchvideo/layers/distributed.py": "def cat_all_gather(): ...\n",
        }
    )
    return upstream, old, new


def slowfast(server: Server, work: Path) -> tuple[Upstream, str, str]:
    """Its repository, the commit that is pinned, and a later one with the authors' own imports."""
    upstream = Upstream(server, "slowfast", work)
    (requirements,) = before("slowfast", "requirements")
    (classes,) = before("slowfast", "int-classes")
    (sampler,) = before("slowfast", "sampler")
    (run_net,) = before("slowfast", "run-net-imports")
    (ava,) = before("slowfast", "ava-imports")
    head = 'from setuptools import find_packages, setup\nsetup(name="slowfast", version="1.0",\n'
    pinned = upstream.commit(
        {
            "setup.py": f"{head}install_requires=[\n{requirements}packages=find_packages())\n",
            "slowfast/__init__.py": "",
            "slowfast/config/__init__.py": "",
            "slowfast/config/defaults.py": "def get_cfg(): ...\n",
            "slowfast/utils/__init__.py": "",
            "slowfast/utils/env.py": "pathmgr = None\n",
            "slowfast/utils/distributed.py": "",
            "slowfast/utils/ava_eval_helper.py": "from ava_evaluation import standard_fields\n",
            "ava_evaluation/standard_fields.py": "",
            "ava_evaluation/object_detection_evaluation.py": "",
            "slowfast/datasets/__init__.py": "",
            "slowfast/datasets/ptv_datasets.py": "import pytorchvideo.losses\n",
            "slowfast/datasets/multigrid_helper.py": classes.lstrip("\n") + "    pass\n",
            "slowfast/datasets/utils.py": "import torch\n"
            + "from torch.utils.data.distributed import DistributedSampler\n"
            + 'def create_sampler(dataset, shuffle, cfg):\n    """\n'
            + sampler
            + "    return None\n",
            "slowfast/models/__init__.py": "",
            "slowfast/models/ptv_model_builder.py": "",
            "tools/run_net.py": "from demo_net import demo\n",
        }
    )
    later = upstream.commit({"tools/run_net.py": run_net, "slowfast/utils/ava_eval_helper.py": ava})
    return upstream, pinned, later


def add_torch_modules(index: PackageIndex) -> None:
    """torch and torchvision with the modules that the packages import, and what builds them."""
    index.add(
        "torch",
        "2.4.0",
        {
            "torch/__init__.py": '__version__ = "2.4.0"\nfrom torch import version\n',
            "torch/version.py": '__version__ = "2.4.0"\ncuda = "12.1"\n',
            "torch/utils/__init__.py": "",
            "torch/utils/data/__init__.py": "class RandomSampler:\n"
            "    def __init__(self, dataset): ...\n",
            "torch/utils/data/sampler.py": "class Sampler: ...\n",
            "torch/utils/data/distributed.py": "class DistributedSampler: ...\n",
        },
    )
    index.add(
        "torchvision", "0.19.0", {"torchvision/__init__.py": "", "torchvision/transforms.py": ""}
    )
    index.add("numpy", "1.26.4")
    index.copy(wheelhouse("setuptools<82", "wheel").glob("*.whl"))
