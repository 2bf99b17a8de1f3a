"""What only a GPU is asked: a kernel compiled for it, its memory, its rates, its neighbours.

Must not know what is right or fast enough.
"""

import time

from smoke_harness import Fail, Skip

GIB = 1 << 30
MEMORY_SHARE = 0.8  # of what is free: the rest is left to whoever else uses the card
RATE_SECONDS = 0.3
KERNEL = "template <typename T> T smoke(T x, T y) { return x * y + T(1); }"


class tf32(object):
    """TF32 in matrix products and convolutions on or off; as it was afterwards."""

    def __init__(self, torch, on):
        self._switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
        self._on = on

    def __enter__(self):
        self._before = [switch.allow_tf32 for switch in self._switches]
        for switch in self._switches:
            switch.allow_tf32 = self._on

    def __exit__(self, *error):
        for switch, before in zip(self._switches, self._before):
            switch.allow_tf32 = before


def dtype(torch, precision):
    return {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)


def start(torch, out, device):
    """Makes the CUDA context of one device; False when there is none."""
    with out.trial("start %s" % device, "cuda_init", device) as trial:
        if not torch.version.cuda:
            raise Fail("cpu_build", "this torch is built without CUDA")
        index = torch.device(device).index or 0
        if index >= torch.cuda.device_count():
            count = torch.cuda.device_count()
            raise Fail("device_absent", "CUDA shows %d devices, %s is not one" % (count, device))
        torch.cuda.set_device(index)
        torch.zeros(1, device=device)
        torch.cuda.synchronize(device)
        properties = torch.cuda.get_device_properties(index)
        trial.details["gpu"] = properties.name
        trial.details["capability"] = "%d.%d" % (properties.major, properties.minor)
    return trial.ok


def prove_device(torch, out, job, device):
    with out.trial("compiled kernel", "compute", device) as trial:
        trial.limit = job["limits"]["fp32"]
        trial.measured = compiled_kernel(torch, device)
    with out.trial("memory", "memory", device) as trial:
        trial.limit = 0
        trial.measured, size, seconds = fill_and_check(torch, device)
        trial.rates["GiB checked"] = size / GIB
        trial.rates["memory GB/s"] = 4 * size / seconds / 1e9
    gpu = torch.cuda.get_device_name(device)
    for precision, switch in (("fp32", False), ("tf32", True), ("fp16", False), ("bf16", False)):
        with out.trial("rate %s" % precision, "rate", device) as trial:
            if precision in ("tf32", "bf16") and torch.cuda.get_device_capability(device)[0] < 8:
                raise Skip("not_supported", "%s needs compute capability 8.0" % precision)
            trial.details["gpu"] = gpu
            with tf32(torch, switch):
                rate = matmul_rate(torch, device, dtype(torch, precision))
            trial.rates["%s TFLOP/s" % precision] = rate
    with out.trial("rate copy", "rate", device) as trial:
        trial.details["gpu"] = gpu
        trial.rates["memory GB/s"] = copy_rate(torch, device)
    with out.trial("rate host", "rate", device) as trial:
        trial.details["gpu"] = gpu
        for name, rate in host_rates(torch, device):
            trial.rates[name] = rate


def compiled_kernel(torch, device):
    """Compiles a kernel for this very architecture (NVRTC) and compares what it computes."""
    jiterator = getattr(torch.cuda, "jiterator", None)
    if jiterator is None:
        raise Skip("not_supported", "this torch cannot compile kernels at run time")
    smoke = jiterator._create_jit_fn(KERNEL)
    x, y = torch.randn(4099), torch.randn(4099)
    got = smoke(x.to(device), y.to(device)).cpu().double()
    exact = x.double() * y.double() + 1
    return float((got - exact).abs().max() / exact.std())


def fill_and_check(torch, device):
    """Writes two bit patterns to most of the free memory and reads them back.

    Returns (values that came back wrong, bytes checked, seconds).
    """
    free, _ = torch.cuda.mem_get_info(device)
    blocks = []
    for _ in range(int(free * MEMORY_SHARE) // GIB):
        try:
            blocks.append(torch.empty(GIB // 4, dtype=torch.int32, device=device))
        except RuntimeError:  # another process took it meanwhile
            break
    if not blocks:
        blocks = [
            torch.empty(max(1, int(free * MEMORY_SHARE)) // 4 + 1, dtype=torch.int32, device=device)
        ]
    torch.cuda.synchronize(device)
    begun = time.time()
    wrong = 0
    for pattern in (0x55555555, -0x55555556):
        for number, block in enumerate(blocks):
            block.fill_(pattern ^ number)
        for number, block in enumerate(blocks):
            for part in block.split(GIB // 32):  # the comparison needs room of its own
                wrong += int((part != (pattern ^ number)).sum())
    seconds = time.time() - begun
    size = sum(block.numel() * 4 for block in blocks)
    del blocks
    torch.cuda.empty_cache()
    return wrong, size, seconds


def per_second(torch, device, work):
    """How often a second `work` runs, once warm."""
    for _ in range(3):
        work()
    torch.cuda.synchronize(device)
    begun, count = time.time(), 0
    while time.time() - begun < RATE_SECONDS:
        for _ in range(4):
            work()
        count += 4
        torch.cuda.synchronize(device)
    return count / (time.time() - begun)


def matmul_rate(torch, device, kind):
    """TFLOP/s of a square matrix product that fits the card."""
    free, _ = torch.cuda.mem_get_info(device)
    size = 8192 if free > 4 * GIB else 4096
    a = torch.randn(size, size, device=device).to(kind)
    b = torch.randn(size, size, device=device).to(kind)
    result = torch.empty(size, size, device=device, dtype=kind)
    return per_second(torch, device, lambda: torch.matmul(a, b, out=result)) * 2 * size**3 / 1e12


def copy_rate(torch, device):
    """GB/s read and written by a copy within the card."""
    free, _ = torch.cuda.mem_get_info(device)
    size = min(GIB, free // 4)
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return per_second(torch, device, lambda: target.copy_(source)) * 2 * size / 1e9


def host_rates(torch, device):
    size = 1 << 28
    host = torch.empty(size, dtype=torch.uint8).pin_memory()
    card = torch.empty(size, dtype=torch.uint8, device=device)
    yield (
        "host to GPU GB/s",
        per_second(torch, device, lambda: card.copy_(host, non_blocking=True)) * size / 1e9,
    )
    yield (
        "GPU to host GB/s",
        per_second(torch, device, lambda: host.copy_(card, non_blocking=True)) * size / 1e9,
    )


def prove_pairs(torch, out, job):
    """Copies between each two GPUs, and NCCL's all-reduce over all of them."""
    count = torch.cuda.device_count()
    for source in range(count):
        for target in range(count):
            if source != target:
                with out.trial("copy %d to %d" % (source, target), "pair", "multi") as trial:
                    trial.limit = 0
                    trial.measured = pair_errors(torch, trial, source, target)
    with out.trial("NCCL all-reduce", "pair", "multi") as trial:
        trial.limit = 0
        trial.measured = all_reduce_errors(torch, trial, count)


def pair_errors(torch, trial, source, target):
    peer = torch.cuda.can_device_access_peer(source, target)
    trial.details["peer access"] = "yes" if peer else "no, through the host"
    sent = torch.arange(1 << 25, dtype=torch.int32, device="cuda:%d" % source)
    got = torch.zeros(1 << 25, dtype=torch.int32, device="cuda:%d" % target)
    got.copy_(sent)
    torch.cuda.synchronize(target)
    wrong = int((got.cpu() != torch.arange(1 << 25, dtype=torch.int32)).sum())
    both = "cuda:%d" % target
    trial.rates["GB/s"] = per_second(torch, both, lambda: got.copy_(sent)) * got.numel() * 4 / 1e9
    return wrong


def all_reduce_errors(torch, trial, count):
    from torch.cuda import nccl

    tensors = [
        torch.arange(1 << 20, dtype=torch.float32, device="cuda:%d" % index) + index
        for index in range(count)
    ]
    if not nccl.is_available(tensors):
        raise Skip("not_supported", "this torch is built without NCCL")
    trial.details["NCCL"] = str(nccl.version())
    nccl.all_reduce(tensors)
    for index in range(count):
        torch.cuda.synchronize(index)
    exact = count * torch.arange(1 << 20, dtype=torch.float32) + count * (count - 1) // 2
    return sum(int((tensor.cpu() != exact).sum()) for tensor in tensors)
