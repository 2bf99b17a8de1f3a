"""Golden numerics: weights and a clip that are the same on every machine, and what must come out.

The numbers come from splitmix64, a counter-based generator, computed by numpy: not from torch's
generator, whose streams differ between versions. Must not know what is near enough.
"""

import base64
import hashlib
import math

import numpy
import smoke_clip
import smoke_models

STEP, MIX1, MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
CHUNK = 1 << 20  # values made at a time: the work stays in the cache
CROP = 64  # pixels: small enough for 0.2 s on a CPU, large enough for every stride
RAW_HEIGHT, RAW_WIDTH = 72, 90  # of the synthetic video, so that scaling and cropping take part


def splitmix64(seed, count, begin=0):
    """Values `begin` … of the stream of one seed, as uint64."""
    with numpy.errstate(over="ignore"):
        index = numpy.arange(begin + 1, begin + count + 1, dtype=numpy.uint64)
        value = index * numpy.uint64(STEP) + numpy.uint64(seed)
        value = (value ^ (value >> numpy.uint64(30))) * numpy.uint64(MIX1)
        value = (value ^ (value >> numpy.uint64(27))) * numpy.uint64(MIX2)
        return value ^ (value >> numpy.uint64(31))


def seed_of(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def uniform(name, count):
    """`count` float32 in [0, 1), a stream of its own for each name."""
    seed, parts = seed_of(name), []
    for begin in range(0, count, CHUNK):
        bits = splitmix64(seed, min(CHUNK, count - begin), begin) >> numpy.uint64(40)
        parts.append(bits.astype(numpy.float32) * numpy.float32(2.0**-24))
    return numpy.concatenate(parts)


def fill(torch, model):
    """Gives every weight and statistic of the model its golden value.

    Scaled so that activations neither grow nor vanish over a hundred layers, also in float16.
    """
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        low, high = _range(name, tuple(tensor.shape))
        values = uniform(name, tensor.numel()) * numpy.float32(high - low) + numpy.float32(low)
        tensor.copy_(torch.from_numpy(values.reshape(tuple(tensor.shape))))


def _range(name, shape):
    if name.endswith("running_var"):
        return 0.75, 1.5
    if len(shape) > 1:
        fan_in = 1
        for size in shape[1:]:
            fan_in *= size
        bound = math.sqrt((6.0 if len(shape) > 2 else 3.0) / fan_in)
        return -bound, bound
    if name.endswith("weight"):  # the last norm of a residual branch is kept small
        return (0.3, 0.5) if name.endswith("norm_c.weight") else (0.8, 1.2)
    return -0.1, 0.1


def shrink_head(torch, model, crop=CROP):
    """Lets a head made for full crops take small ones: its pools span what the strides leave."""
    side = crop // 32
    for module in model.modules():
        if isinstance(module, torch.nn.AvgPool3d):
            time = module.kernel_size[0]
            module.kernel_size = (int(time), side, side)
    return without_softmax(torch, model)


def without_softmax(torch, model):
    """The model giving logits: a softmax enlarges rounding, and hides what all classes share."""
    for module in model.modules():
        if isinstance(getattr(module, "activation", None), torch.nn.Softmax):
            module.activation = None
    return model


def video(frames, name="clip"):
    """A synthetic decoded video, uint8 (2 * frames, 72, 90, 3)."""
    shape = (2 * frames, RAW_HEIGHT, RAW_WIDTH, 3)
    return (uniform(name, int(numpy.prod(shape))) * 256).astype(numpy.uint8).reshape(shape)


def golden_input(torch, architecture, raw=None):
    """The synthetic video on the way every video takes: [clip] or [slow, fast], (1, 3, T, H, W)."""
    frames = torch.from_numpy(video(architecture["frames"]) if raw is None else raw)
    clip = smoke_clip.prepare(torch, frames, architecture["frames"], CROP, CROP)
    inputs = smoke_models.pack(torch, clip, architecture["alpha"])
    return inputs if isinstance(inputs, list) else [inputs]


def checksum(name, tensor):
    """(mean, deviation, projection on random signs) of one sample's tensor.

    The mean and deviation do not see a permutation, such as BGR for RGB; the projection does.
    """
    values = tensor.detach().double().cpu().numpy().ravel()
    signs = numpy.where(uniform("signs " + name, values.size) < 0.5, -1.0, 1.0)
    return [
        float(values.mean()),
        float(values.std()),
        float((values * signs).sum() / math.sqrt(values.size)),
    ]


def observe(torch, model, inputs, row=0):
    """(checksums by place, logits) of one sample of a batch, in the order data flows."""
    seen = {}

    def watch(place):
        def hook(module, given, output):
            outputs = output if isinstance(output, (list, tuple)) else [output]
            for pathway, tensor in enumerate(outputs):
                name = "%s pathway %d" % (place, pathway)
                seen[name] = checksum(name, tensor[row])

        return hook

    for pathway, tensor in enumerate(inputs):
        name = "input pathway %d" % pathway
        seen[name] = checksum(name, tensor[row])
    hooks = [
        block.register_forward_hook(watch("block %d" % number))
        for number, block in enumerate(model.blocks)
    ]
    try:
        with torch.no_grad():
            given = list(inputs) if len(inputs) > 1 else inputs[0]
            logits = smoke_models.run(model, given)[row].detach().double().cpu().numpy()
    finally:
        for hook in hooks:
            hook.remove()
    return seen, logits


def record(seen, logits):
    """What is stored of a right run."""
    data = base64.b64encode(logits.astype("<f4").tobytes()).decode()
    return {
        "places": {name: [float("%.9g" % v) for v in sums] for name, sums in seen.items()},
        "logits": data,
    }


def compare(golden, seen, logits, limit):
    """(largest difference of a logit over their deviation, first place that is off or "", top-5).

    A place is off when mean, deviation or projection differ by more than `limit` deviations.
    """
    stored = numpy.frombuffer(base64.b64decode(golden["logits"]), dtype="<f4").astype(float)
    if stored.shape != logits.shape:
        return math.inf, "head: %s classes, %s stored" % (logits.size, stored.size), "other"
    error = float(numpy.abs(logits - stored).max() / stored.std())
    first = ""
    for name, sums in golden["places"].items():
        got = seen.get(name)
        if got is None:
            first = "%s is missing" % name
        else:
            off = max(abs(a - b) for a, b in zip(got, sums)) / max(sums[1], 1e-12)
            if not off <= limit:
                first = "%s is off by %.2g deviations" % (name, off)
        if first:
            break
    same = list(numpy.argsort(-logits)[:5]) == list(numpy.argsort(-stored)[:5])
    return error, first, "same" if same else "other"
