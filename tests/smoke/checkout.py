"""Writes a small checkout in PySlowFast's layout, and packages of the kind it imports."""

from pathlib import Path

CFG = """\
NUM_GPUS: 1
DATA:
  NUM_FRAMES: 8
  TRAIN_CROP_SIZE: 32
MODEL:
  NUM_CLASSES: 5
"""

FILES = {
    "slowfast/__init__.py": "",
    "slowfast/config/__init__.py": "",
    "slowfast/config/defaults.py": '''
import ast


class Node(dict):
    def __getattr__(self, name):
        return self[name]

    def __setattr__(self, name, value):
        self[name] = value

    def merge_from_file(self, path):
        """Two levels of YAML, as far as this checkout's configurations go."""
        above = ""
        for line in open(path):
            name, _, value = line.rstrip().partition(":")
            if not value:
                above = name
                if above not in self:
                    raise KeyError("Non-existent config key: %s" % above)
                continue
            node = self[above] if line.startswith(" ") else self
            key = name.strip()
            if key not in node:
                full = "%s.%s" % (above, key) if line.startswith(" ") else key
                raise KeyError("Non-existent config key: %s" % full)
            node[key] = ast.literal_eval(value.strip())


def get_cfg():
    return Node(
        NUM_GPUS=1,
        DATA=Node(NUM_FRAMES=8, TRAIN_CROP_SIZE=224, INPUT_CHANNEL_NUM=[3, 3]),
        MODEL=Node(
            MODEL_NAME="SlowFast", ARCH="slowfast", NUM_CLASSES=400,
            MULTI_PATHWAY_ARCH=["slowfast"],
        ),
        SLOWFAST=Node(ALPHA=4),
        DETECTION=Node(ENABLE=False),
        MVIT=Node(PATCH_2D=False),
        TENSORBOARD=Node(TOPK_PREDS=1),
    )
''',
    "slowfast/models/__init__.py": """
from .build import build_model

try:
    from .ptv_model_builder import PTVSlowFast
except Exception:
    print("Please update your PyTorchVideo to latest master")
""",
    "slowfast/models/build.py": '''
import torch
from slowfast.models import head_helper


def build_model(cfg, gpu_id=None):
    """Two pathways, each a convolution; their means make the classes."""

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.slow = torch.nn.Conv3d(3, 4, 3, padding=1)
            self.fast = torch.nn.Conv3d(3, 4, 3, padding=1)
            self.head = torch.nn.Linear(8, cfg.MODEL.NUM_CLASSES)

        def forward(self, inputs, boxes=None):
            slow, fast = self.slow(inputs[0]), self.fast(inputs[-1])
            assert inputs[-1].shape[2] == 8 and inputs[0].shape[2] == 2
            assert (boxes is not None) == cfg.DETECTION.ENABLE
            return self.head(torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1))

    return Model()
''',
    "slowfast/models/head_helper.py": "",
    "slowfast/models/ptv_model_builder.py": "class PTVSlowFast: pass\n",
    "slowfast/datasets/__init__.py": "",
    "slowfast/datasets/loader.py": "from . import multigrid_helper\n",
    "slowfast/datasets/multigrid_helper.py": "_int_classes = int\n",
    "slowfast/utils/__init__.py": "",
    "slowfast/utils/meters.py": "from . import ava_eval_helper\n",
    "slowfast/utils/ava_eval_helper.py": "from ava_evaluation import standard_fields\n",
    "ava_evaluation/standard_fields.py": "",
    "tools/run_net.py": "from train_net import train\n",
    "tools/train_net.py": "def train(cfg): pass\n",
    "configs/Kinetics/SLOWFAST_4x16_R50.yaml": CFG,
}


def write(root: Path, **changes: str) -> Path:
    """The checkout; a change adds to the beginning of the file whose stem it names."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for stem, text in changes.items():
        (path,) = root.rglob(f"{stem}.*")
        path.write_text(text + path.read_text())
    return root


def packages(root: Path, files: dict[str, str]) -> Path:
    """Packages for PYTHONPATH; each folder of a module becomes one."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for folder in path.relative_to(root).parents:
            if folder.name:
                (root / folder / "__init__.py").touch()
    return root
