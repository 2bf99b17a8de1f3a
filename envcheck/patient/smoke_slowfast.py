"""Proves that pytorchvideo's models build, count and compute right on one device.

Needs torch, numpy and pytorchvideo; PyAV for a video. Must not know what is right: the exact
numbers, the golden values and the limits come with the job.
"""

import json

import smoke_forward
import smoke_harness
import smoke_torch
from smoke_harness import Fail

smoke_harness.step_back(__file__)


def main(job, out):
    device = job["device"]
    torch = smoke_torch.import_torch(out, device)
    if torch is None:
        return
    if job.get("ask_cuda"):
        smoke_torch.ask_cuda(torch, out)
        return
    if not import_pytorchvideo(torch, out, device):
        return
    for architecture in job.get("count", ()):
        count(torch, out, architecture)
    if not job.get("model"):
        return
    if device != "cpu" and not smoke_torch.smoke_gpu.start(torch, out, device):
        return
    torch.set_grad_enabled(False)
    golden(torch, out, job, device)
    smoke_forward.prove(torch, out, job, device)


def import_pytorchvideo(torch, out, device):
    """Whether its models can be imported; torchvision's state is told on the way."""
    import smoke_models

    with out.trial("import pytorchvideo", "models_import", device) as trial:
        import numpy

        trial.details["numpy"] = numpy.__version__
        state, text = smoke_models.torchvision_state(torch)
        trial.details["torchvision"] = text if state == "present" else state
        if state == "broken":
            trial.details["torchvision error"] = text
        import pytorchvideo
        from pytorchvideo.models import hub

        trial.details["version"] = getattr(pytorchvideo, "__version__", "unknown")
        trial.details["builders"] = len([name for name in dir(hub) if not name.startswith("_")])
    if not trial.ok:
        return False
    if state == "present":
        with out.trial("import pytorchvideo.transforms", "transforms_import", device):
            import pytorchvideo.transforms  # noqa: F401
    return True


def count(torch, out, architecture):
    """Parameters and multiply-adds of one architecture, as exact integers."""
    import smoke_models

    name = architecture["name"]
    with out.trial("parameters %s" % name, "parameters", "meta") as trial:
        trial.expected = architecture["parameters"]
        parameters, work, normed = smoke_models.count(torch, architecture)
        trial.measured = parameters
    if not trial.ok:
        return
    with out.trial("multiply-adds %s" % name, "flops", "meta") as trial:
        trial.expected = architecture["macs"]
        trial.measured = work
        trial.details["convolutions"] = "%.2f G" % (work / 1e9)
        trial.details["with batch norm"] = "%.2f G" % ((work + 5 * normed) / 1e9)
        trial.details["published"] = architecture["published_words"]
    with out.trial("batch norm %s" % name, "flops", "meta") as trial:
        trial.expected = architecture["norm_elements"]
        trial.measured = normed


def golden(torch, out, job, device):
    """The golden clip through golden weights, first in float32, where every fault shows."""
    import smoke_golden
    import smoke_models

    architecture = job["model"]
    state = {}
    with out.trial("build", "build", device) as trial:
        with open(job["golden"], encoding="utf-8") as file:
            stored = json.load(file)["models"]
        if architecture["name"] not in stored:
            raise Fail("no_golden", "no golden values are stored for %s" % architecture["name"])
        state["golden"] = stored[architecture["name"]]
        model = smoke_models.build(architecture)
        smoke_golden.fill(torch, model)
        state["model"] = smoke_golden.shrink_head(torch, model).to(device)
        state["inputs"] = smoke_golden.golden_input(torch, architecture)
        if architecture["alpha"]:
            index = smoke_models.slow_indices(torch, architecture["frames"], architecture["alpha"])
            trial.details["slow frames"] = " ".join(str(int(frame)) for frame in index)
    if not trial.ok:
        return
    for run in runs(job, device):
        with out.trial("golden %s" % run, "golden", device) as trial:
            precision = run if run in job["limits"] else "fp32"
            trial.limit = job["limits"][precision]
            golden_run(torch, trial, state, device, run)


def runs(job, device):
    """fp32 goes first: the coarser precisions cannot see a single zeroed channel."""
    every = ["fp32", "channels_last", "batch"] + (["tf32", "fp16"] if device != "cpu" else [])
    every.append("bf16")
    return [run for run in every if run == "fp32" or not job["runs"] or run in job["runs"]]


def golden_run(torch, trial, state, device, run):
    import smoke_golden

    smoke_torch.need(torch, device, run)
    inputs = [tensor.to(device) for tensor in state["inputs"]]
    row = 0
    if run == "batch":  # the golden clip comes last, after others
        row = 2
        inputs = [
            torch.cat([tensor.flip(2) * (0.5 + i) for i in range(row)] + [tensor])
            for tensor in inputs
        ]
    model = state["model"]
    if run == "channels_last":
        model = model.to(memory_format=torch.channels_last_3d)
        inputs = [tensor.contiguous(memory_format=torch.channels_last_3d) for tensor in inputs]
    try:
        with smoke_forward.precision(torch, device, run):
            seen, logits = smoke_golden.observe(torch, model, inputs, row)
    finally:
        if run == "channels_last":
            model.to(memory_format=torch.contiguous_format)
    error, first, top5 = smoke_golden.compare(state["golden"], seen, logits, trial.limit)
    trial.measured = error
    trial.details["top-5"] = top5
    if first:
        trial.details["first difference"] = first


if __name__ == "__main__":
    smoke_harness.start(main)
