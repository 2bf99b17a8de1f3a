"""Builds pytorchvideo's models in the patient, counts them, and loads checkpoints into them.

Must not know which numbers are right: they come with the job.
"""

import importlib
import inspect
import os
import re
import sys
import types

from smoke_harness import Fail, Skip

NAMED_LAYERS = 10  # as many mismatching layers are named


def torchvision_state(torch):
    """("present" | "absent" | "broken", words). Absent or broken, a stub takes its place.

    pytorchvideo's models ask torchvision for RoIAlign only, which classification never calls.
    """
    try:
        import torchvision
        from torchvision.ops import RoIAlign  # noqa: F401

        return "present", torchvision.__version__
    except ImportError as error:
        state = "absent" if getattr(error, "name", "") == "torchvision" else "broken"
        words = str(error)
    except Exception as error:  # an operator of another torch: RuntimeError
        state, words = "broken", "%s: %s" % (type(error).__name__, error)
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    package = types.ModuleType("torchvision")
    package.__path__ = []
    package.ops = types.ModuleType("torchvision.ops")
    package.ops.RoIAlign = type("RoIAlign", (torch.nn.Module,), {})
    sys.modules["torchvision"] = package
    sys.modules["torchvision.ops"] = package.ops
    return state, words


def build(architecture):
    """The model of one catalogue row, in evaluation mode, on the default device."""
    module, _, name = architecture["builder"].partition(":")
    builder = getattr(importlib.import_module(module), name)
    options = {key: _tuples(value) for key, value in architecture.get("options", {}).items()}
    return builder(**options).eval()


def _tuples(value):
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def count(torch, architecture):
    """(parameters, multiply-adds of convolutions and products, elements of batch norms).

    On the meta device: nothing is computed and nothing is allocated.
    """
    try:
        from torch.utils.flop_counter import FlopCounterMode
    except ImportError:
        raise Skip("not_supported", "this torch has no torch.utils.flop_counter")
    normed = [0]

    def norm(module, inputs, output):
        normed[0] += output.numel()

    counter = FlopCounterMode(display=False)
    with torch.device("meta"), torch.no_grad():
        model = build(architecture)
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.register_forward_hook(norm)
        clip = torch.empty(1, 3, architecture["frames"], architecture["crop"], architecture["crop"])
        inputs = pack(torch, clip, architecture["alpha"])
        with counter:
            model(inputs)
    return parameters(model), counter.get_total_flops() // 2, normed[0]


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def pack(torch, clip, alpha):
    """What the model takes of a clip (N, 3, T, H, W): itself, or [slow, fast] pathways."""
    if not alpha:
        return clip
    index = slow_indices(torch, clip.shape[2], alpha)
    return [torch.index_select(clip, 2, index.to(clip.device)), clip]


def slow_indices(torch, frames, alpha):
    """Frames of the fast pathway that the slow one sees: of 32 with alpha 4, 0 4 8 13 17 …"""
    return torch.linspace(0, frames - 1, frames // alpha, device="cpu").long()


def run(model, inputs):
    """The logits. The model changes the list it is given: it gets one of its own."""
    return model(list(inputs) if isinstance(inputs, list) else inputs)


def load_checkpoint(torch, model, path):
    """Loads a `.pyth` of pytorchvideo or PySlowFast; returns how many tensors it held.

    Code in the file is never run: what is not plain tensors is refused.
    """
    if "weights_only" not in inspect.signature(torch.load).parameters:
        raise Fail(
            "checkpoint_unsafe",
            "this torch can only load checkpoints by running the code in them (no weights_only)",
        )
    if not os.path.isfile(path):
        raise Fail("checkpoint_unreadable", "%s is not a file" % path)
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        text = str(error)
        if re.search(r"[Uu]nsupported (?!operand)", text):
            raise Fail("checkpoint_holds_code", _unsupported(text))
        raise Fail("checkpoint_unreadable", "%s: %s" % (type(error).__name__, text.split("\n")[0]))
    state = _state(held)
    if state is None:
        raise Fail("checkpoint_unreadable", "it holds no dictionary of tensors")
    wanted = model.state_dict()
    differing = mismatches(wanted, state)
    if differing:
        shown = differing[:NAMED_LAYERS]
        more = len(differing) - len(shown)
        raise Fail(
            "checkpoint_mismatch",
            "%d of %d layers differ: %s%s"
            % (
                len(differing),
                len(set(wanted) | set(state)),
                "; ".join(shown),
                "; and %d more" % more if more else "",
            ),
        )
    model.load_state_dict(state)
    return len(state)


def _unsupported(text):
    """The sentence that names what the unpickler refused."""
    for sentence in " ".join(text.split()).split(". "):
        if "nsupported" in sentence:
            return sentence[:400]
    return ""


def _state(held):
    """The dictionary of tensors in a checkpoint, names without `model.` or `module.` in front."""
    for key in ("model_state", "state_dict", "model"):
        if isinstance(held, dict) and isinstance(held.get(key), dict):
            held = held[key]
            break
    if not isinstance(held, dict):
        return None
    state = {key: value for key, value in held.items() if hasattr(value, "shape")}
    if not state or not all(isinstance(key, str) for key in state):
        return None
    for prefix in ("module.", "model."):
        if all(key.startswith(prefix) for key in state):
            state = {key[len(prefix) :]: value for key, value in state.items()}
    return state


def mismatches(wanted, state):
    """How a checkpoint differs from a model, a text for each layer, in the model's order."""
    found = []
    for name, value in wanted.items():
        if name not in state:
            if not name.endswith("num_batches_tracked"):
                found.append("%s is missing" % name)
        elif tuple(state[name].shape) != tuple(value.shape):
            found.append(
                "%s is %s, the model's is %s" % (name, tuple(state[name].shape), tuple(value.shape))
            )
    return found + ["%s is not in the model" % name for name in state if name not in wanted]
