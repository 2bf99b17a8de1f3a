"""The full path at full size: video, forward pass, predictions, throughput, memory, training step.

Must not know what is fast enough or which class is right.
"""

import contextlib
import math
import time

import smoke_gpu
import smoke_memory
from smoke_harness import Fail

TIMED_SECONDS = 0.5  # a throughput is measured over at least one pass and about this long


def precision(torch, device, name):
    """The context in which a forward pass is made in this precision."""
    stack = contextlib.ExitStack()
    stack.enter_context(smoke_gpu.tf32(torch, name == "tf32"))
    if name in ("fp16", "bf16"):
        kind = "cuda" if device.startswith("cuda") else "cpu"
        stack.enter_context(torch.autocast(kind, dtype=smoke_gpu.dtype(torch, name)))
    return stack


def prove(torch, out, job, device):
    import smoke_models

    architecture = job["model"]
    clip = read_clip(torch, out, job, device)
    state = {}
    with out.trial("full-size model", "build", device) as trial:
        state["model"] = model = smoke_models.build(architecture)
        if not job.get("checkpoint"):
            import smoke_golden

            smoke_golden.fill(torch, model)
            trial.details["weights"] = "made by rule: predictions mean nothing"
    if not trial.ok:
        return
    if job.get("checkpoint"):
        with out.trial("load checkpoint", "checkpoint", device) as trial:
            trial.details["tensors"] = smoke_models.load_checkpoint(torch, model, job["checkpoint"])
        if not trial.ok:
            return
    if clip is None:
        size = architecture["crop"]
        clip = torch.zeros(1, 3, architecture["frames"], size, size)
    batch = max(1, job.get("batch") or 1)
    kind = job.get("precision") or "fp32"
    with out.trial("forward %s" % kind, "forward", device) as trial:
        shorter = [name for name in ("bf16", "fp16") if name != kind]
        logits = smoke_memory.fitting(
            torch,
            device,
            (kind, shorter if device.startswith("cuda") else shorter[:1]),
            lambda name: forward(torch, architecture, model, smoke_models, clip, name, device),
            ("In %s it fits.", "Nor does it fit in a shorter precision."),
        )
        predictions(torch, trial, logits, job["labels"])
    if trial.ok:
        with out.trial("throughput %s batch %d" % (kind, batch), "throughput", device) as trial:
            throughput(torch, trial, architecture, model, smoke_models, clip, kind, device, batch)
    if trial.ok and job.get("train_step"):
        with out.trial("training step", "train", device) as trial:
            train(torch, trial, architecture, model, smoke_models, clip, device, max(2, batch))


def read_clip(torch, out, job, device):
    """The clip of the job's video, or None; of our own video every frame's content is known."""
    import smoke_clip

    architecture, found = job["model"], {}
    size = architecture["crop"]
    seconds = architecture["frames"] * architecture["rate"] / 30.0
    with out.trial("video", "video", device) as trial:
        trial.details["asked for"] = "yes" if job.get("own_video") else "no"
        side = max(256, size)
        clip, facts = smoke_clip.decode(
            torch, job["video"], seconds, architecture["frames"], side, size
        )
        trial.details.update(facts)
        if not job.get("own_video"):
            trial.limit = job["video_limit"]
            trial.measured = known_content(torch, clip, int(facts["frames"]))
        found["clip"] = clip
    return found.get("clip") if trial.ok else None


def known_content(torch, clip, total):
    """Largest deviation, in levels of 255, from what the shipped video shows.

    Red grows from left to right and green from top to bottom of the frame (320 x 256, of which the
    centre square is taken), from 32 by 192 levels; blue is 32 + 37 n mod 192 in frame n.
    """
    import smoke_clip

    levels = (clip[0] * smoke_clip.DEVIATION + smoke_clip.MEAN) * 255
    count, size = levels.shape[1], levels.shape[2]
    height = max(256, size)  # of the scaled frame before it was cropped
    width = height * 320 / 256.0
    place = torch.arange(size) + 0.5
    red = 32 + ((width - size) / 2 + place) / width * 192
    green = 32 + ((height - size) / 2 + place) / height * 192
    blue = 32 + smoke_clip.temporal_indices(torch, total, count) * 37 % 192
    inner = slice(8, -8)  # the edges are where the codec rounds most
    off = [
        (levels[0].mean((0, 1)) - red)[inner].abs().max(),
        (levels[1].mean((0, 2)) - green)[inner].abs().max(),
        (levels[2].mean((1, 2)) - blue).abs().max(),
    ]
    return float(max(off))


def inputs_of(torch, architecture, smoke_models, clip, device, batch):
    many = clip.expand(batch, -1, -1, -1, -1).contiguous().to(device)
    return smoke_models.pack(torch, many, architecture["alpha"])


def forward(torch, architecture, model, smoke_models, clip, kind, device):
    """The logits of one clip, on the CPU in float32."""
    inputs = inputs_of(torch, architecture, smoke_models, clip, device, 1)
    with precision(torch, device, kind):
        return smoke_models.run(model.to(device), inputs)[0].float().cpu()


def predictions(torch, trial, logits, labels):
    """The five best classes, by name."""
    if not bool(torch.isfinite(logits).all()):
        raise Fail("not_finite", "the logits hold NaN or infinity")
    # some of pytorchvideo's heads end in a softmax, others do not
    done = float(logits.min()) >= 0 and abs(float(logits.sum()) - 1) < 1e-2
    chances = logits if done else torch.softmax(logits, 0)
    values, classes = chances.topk(min(5, chances.numel()))
    for place in range(classes.numel()):
        index = int(classes[place])
        name = labels[index] if index < len(labels) else "class %d" % index
        trial.details["top %d" % (place + 1)] = "%s (%.1f %%)" % (name, 100 * float(values[place]))


def throughput(torch, trial, architecture, model, smoke_models, clip, kind, device, batch):
    """Clips a second and peak memory. Out of memory: says the largest batch that would fit."""
    on_gpu = device.startswith("cuda")
    if not on_gpu:
        smoke_memory.room_on_cpu(clip, batch)
    trial.rates["clips/s"] = smoke_memory.fitting(
        torch,
        device,
        smoke_memory.batches(batch),
        lambda n: timed(torch, architecture, model, smoke_models, clip, kind, device, n),
        smoke_memory.BATCHES,
    )
    peak = torch.cuda.max_memory_allocated(device) if on_gpu else smoke_memory.peak()
    trial.rates["peak GiB"] = peak / smoke_memory.GIB


def timed(torch, architecture, model, smoke_models, clip, kind, device, batch):
    inputs = inputs_of(torch, architecture, smoke_models, clip, device, batch)
    on_gpu = device.startswith("cuda")
    with precision(torch, device, kind):
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
            smoke_models.run(model, inputs)  # cuDNN chooses its algorithms
            torch.cuda.synchronize(device)
        begun, count = time.time(), 0
        while not count or time.time() - begun < TIMED_SECONDS:
            smoke_models.run(model, inputs)
            count += 1
            if on_gpu:
                torch.cuda.synchronize(device)
        return batch * count / (time.time() - begun)


def train(torch, trial, architecture, model, smoke_models, clip, device, batch):
    """One step of gradient descent: every gradient is finite, and the loss falls."""
    import smoke_golden

    smoke_golden.without_softmax(torch, model).train()
    for module in model.modules():
        if isinstance(module, (torch.nn.Dropout, torch.nn.modules.batchnorm._BatchNorm)):
            module.eval()  # a step that can be repeated: no chance, and statistics stay
    before, after, norm = smoke_memory.fitting(
        torch,
        device,
        smoke_memory.batches(batch),
        lambda n: step(torch, architecture, model, smoke_models, clip, device, n),
        smoke_memory.BATCHES,
    )
    model.eval()
    trial.measured = after / before
    trial.limit = 1.0
    trial.details["loss"] = "%.6g before the step, %.6g after" % (before, after)
    trial.details["gradient norm"] = "%.6g" % math.sqrt(norm)


def step(torch, architecture, model, smoke_models, clip, device, batch):
    """(loss before a step, loss after it, the gradient's squared norm)."""
    inputs = inputs_of(torch, architecture, smoke_models, clip, device, batch)
    model.zero_grad(set_to_none=True)
    with torch.enable_grad():
        target = torch.arange(batch, device=device)
        before = loss_of(torch, smoke_models, model, inputs, target)
        before.backward()
        norm = 0.0
        for name, parameter in model.named_parameters():
            if parameter.grad is None:
                raise Fail("no_gradient", "%s got no gradient" % name)
            if not bool(torch.isfinite(parameter.grad).all()):
                raise Fail("not_finite", "the gradient of %s holds NaN or infinity" % name)
            norm += float(parameter.grad.double().pow(2).sum())
        with torch.no_grad():
            size = 0.01 * float(before) / max(norm, 1e-30)
            for parameter in model.parameters():
                parameter.sub_(parameter.grad, alpha=size)
        after = loss_of(torch, smoke_models, model, inputs, target)
    return float(before), float(after), norm


def loss_of(torch, smoke_models, model, inputs, target):
    return torch.nn.functional.cross_entropy(smoke_models.run(model, inputs), target)
