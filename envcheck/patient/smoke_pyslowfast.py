"""Proves that a PySlowFast checkout imports, builds the model of a configuration and runs it.

Needs torch. What cannot be imported is told, and a stand-in takes its place, so that one run finds
everything. Must not know what mends it, nor what is right.
"""

import importlib
import inspect
import os
import sys

import smoke_harness
import smoke_models
import smoke_torch
from smoke_harness import Fail, Skip
from smoke_standins import Needed, StandIns

smoke_harness.step_back(__file__)

OWN = (
    "slowfast", "ava_evaluation", "tools", "run_net", "demo_net", "test_net", "train_net",
    "visualization",
)  # fmt: skip
# What tools/run_net.py comes to import, a part at a time: each may lack something of its own.
MODULES = (
    "slowfast.config.defaults",
    "slowfast.models",
    "slowfast.datasets.loader",
    "slowfast.utils.meters",
    "run_net",
)
# Their errors are swallowed by `except Exception` in the packages that import them.
OPTIONAL = ("slowfast.models.ptv_model_builder", "slowfast.datasets.ptv_datasets")
OTHER_INPUT = ("ContrastiveModel", "MaskMViT")  # they take more than clips


def main(job, out):
    device = job["device"]
    torch = smoke_torch.import_torch(out, device)
    if torch is None:
        return
    if job.get("ask_cuda"):
        smoke_torch.ask_cuda(torch, out)
        return
    if device != "cpu" and not smoke_torch.smoke_gpu.start(torch, out, device):
        return
    checkout = Checkout(torch, out, job, device)
    checkout.import_all(MODULES, "repo_import")
    checkout.prove(job)
    checkout.import_all(OPTIONAL, "repo_optional")


class Checkout(object):
    def __init__(self, torch, out, job, device):
        sys.dont_write_bytecode = True  # the checkout is not ours
        self.torch, self.out, self.device = torch, out, device
        self.repo = os.path.realpath(job["repo"])
        sys.path[:0] = [os.path.join(self.repo, "tools"), self.repo]
        self.stand_ins = StandIns(self.repo, OWN)
        with out.trial("checkout", "repo", device) as trial:
            trial.details["path"] = self.repo
            trial.details["commit"] = commit(self.repo) or "not known"
            trial.details["cfg"] = job["cfg"]

    def import_all(self, names, check):
        for name in names:
            path = os.path.join(self.repo, *name.split(".")) + ".py"
            if check == "repo_import" or os.path.exists(path):
                self._import(name, check)

    def _import(self, name, check):
        """Imports one module; each thing that is in its way is a failed proof of its own."""
        stand_in = name
        while stand_in:
            stand_in = None
            with self.out.trial("import %s" % name, check, self.device) as trial:
                try:
                    importlib.import_module(name)
                except Needed as error:  # called at its import: what is absent is told already
                    self.stand_ins.forget()
                    raise Skip("stand_in", str(error))
                except Exception as error:
                    self.stand_ins.forget()
                    self._place(trial, error)
                    stand_in = self.stand_ins.make(error)
                    trial.fields["name"] = "import %s" % (stand_in or name)
                    raise

    def _place(self, trial, error):
        (path, line), raised = self.stand_ins.place(error)
        if path:
            trial.details["place"] = "%s:%d" % (path, line)
        if raised:
            trial.details["raised in"] = raised

    def prove(self, job):
        state = {}
        steps = (
            ("configuration", "repo_config", self._configure),
            ("build", "repo_build", self._build),
            ("forward", "repo_forward", self._forward),
        )
        for name, check, step in steps:
            if not self._step(name, check, step, state, job):
                return

    def _step(self, name, check, step, state, job):
        """Whether a step was made; it is tried again with a name that numpy no longer has."""
        again = True
        while again:
            again = False
            with self.out.trial(name, check, self.device) as trial:
                try:
                    step(trial, state, job)
                except Needed as error:
                    raise Skip("stand_in", str(error))
                except (Skip, Fail):
                    raise
                except Exception as error:
                    self._place(trial, error)
                    again = isinstance(error, AttributeError) and self.stand_ins.make(error)
                    raise
        return trial.ok

    def _configure(self, trial, state, job):
        from slowfast.config.defaults import get_cfg

        cfg = get_cfg()
        cfg.merge_from_file(job["cfg"])
        cfg.NUM_GPUS = 0 if self.device == "cpu" else 1
        trial.details["model"] = "%s, %s" % (cfg.MODEL.MODEL_NAME, cfg.MODEL.ARCH)
        trial.details["file"] = os.path.relpath(job["cfg"], self.repo)
        state["cfg"] = cfg

    def _build(self, trial, state, job):
        from slowfast.models import build_model

        options = {}
        if self.device != "cpu" and "gpu_id" in inspect.signature(build_model).parameters:
            options["gpu_id"] = self.torch.device(self.device).index
        state["model"] = build_model(state["cfg"], **options).eval()
        trial.details["parameters"] = smoke_models.parameters(state["model"])

    def _forward(self, trial, state, job):
        torch, cfg = self.torch, state["cfg"]
        if self.stand_ins.made:
            trial.details["stand-ins"] = ", ".join(self.stand_ins.made)
        if cfg.MODEL.MODEL_NAME in OTHER_INPUT:
            raise Skip("other_input", "%s takes more than a clip" % cfg.MODEL.MODEL_NAME)
        torch.manual_seed(0)
        size, frames = cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.NUM_FRAMES
        clip = torch.randn(1, cfg.DATA.INPUT_CHANNEL_NUM[0], frames, size, size).to(self.device)
        inputs = [clip]
        if cfg.MODEL.ARCH in cfg.MODEL.MULTI_PATHWAY_ARCH:
            inputs = smoke_models.pack(torch, clip, cfg.SLOWFAST.ALPHA)
        elif cfg.MVIT.PATCH_2D:
            inputs = [clip[:, :, 0]]
        trial.details["input"] = " ".join("x".join(map(str, part.shape)) for part in inputs)
        more = ()
        if cfg.DETECTION.ENABLE:  # boxes: place in the batch, corners in pixels
            corners = [0, size * 0.1, size * 0.2, size * 0.8, size * 0.9]
            more = (torch.tensor([corners], device=self.device),)
        with torch.no_grad():
            output = state["model"](inputs, *more)
            if not hasattr(output, "shape"):
                raise Fail("other_output", "the model gave a %s" % type(output).__name__)
            if not bool(torch.isfinite(output).all()):
                raise Fail("not_finite", "the output holds NaN or infinity")
        trial.details["output"] = "x".join(map(str, output.shape))
        if output.shape[-1] != cfg.MODEL.NUM_CLASSES:
            raise Fail("other_output", "the output is %s" % trial.details["output"])


def commit(repo):
    """The commit a checkout is at, shortened; "" where git's files do not say."""
    folder = os.path.join(repo, ".git")
    try:
        head = read(os.path.join(folder, "HEAD"))
        if not head.startswith("ref: "):
            return head[:7]
        name = head[5:]
        if os.path.exists(os.path.join(folder, name)):
            return read(os.path.join(folder, name))[:7]
        for line in read(os.path.join(folder, "packed-refs")).splitlines():
            if line.endswith(" " + name):
                return line[:7]
    except (OSError, UnicodeDecodeError):
        pass
    return ""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read(1 << 20).strip()


if __name__ == "__main__":
    smoke_harness.start(main)
