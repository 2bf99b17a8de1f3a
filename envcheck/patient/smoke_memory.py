"""What fits into memory: tried where there is a GPU, reckoned beforehand on the CPU.

Must not know what is run.
"""

import os
import resource

import smoke_harness
from smoke_harness import Fail

GIB = float(1 << 30)
BATCHES = ("A batch of %d fits.", "Not even one clip fits.")


def fitting(torch, device, sizes, run, words):
    """run(size) of the size that is wanted; where memory ends, a Fail that says what would fit.

    sizes: (the wanted one, smaller ones, largest first). words: (for one that fits, for none).
    """
    wanted, smaller = sizes
    error = None
    try:
        return run(wanted)
    except Exception as caught:
        if smoke_harness.reason(caught) != "out_of_memory":
            raise
        error = smoke_harness.words(caught).split(". ")[0]
    # out of the handler: what the failed run had allocated is held no more
    for size in smaller:
        if device.startswith("cuda"):
            torch.cuda.empty_cache()
        try:
            run(size)
        except Exception:
            continue
        raise Fail("out_of_memory", "%s. %s" % (error, words[0] % size))
    raise Fail("out_of_memory", "%s. %s%s" % (error, words[1], free_of(torch, device)))


def batches(batch):
    """A batch and its halves."""
    smaller = []
    while batch >> len(smaller) > 1:
        smaller.append(batch >> (len(smaller) + 1))
    return batch, smaller


def free_of(torch, device):
    """How much memory is left, in words; "" where that is not known."""
    if device.startswith("cuda"):
        try:
            torch.cuda.empty_cache()
            free, total = torch.cuda.mem_get_info(device)
        except Exception:
            return ""
        return " %.1f of the GPU's %.1f GiB are free." % (free / GIB, total / GIB)
    free = available()
    return "" if free is None else " %.1f GiB are free." % (free / GIB)


def room_on_cpu(clip, batch):
    """Raises Fail when the batch cannot fit: the kernel would end the process without a word.

    What one clip needs is what the passes before this one raised the process's peak by.
    """
    if batch == 1:
        return
    held, free = resident(), available()
    if free is None:
        return
    one = max(peak() - held, clip.numel() * 4)
    if one * batch > free:
        raise Fail(
            "out_of_memory",
            "a batch of %d needs about %.1f GiB and %.1f GiB are free."
            " A batch of %d fits." % (batch, one * batch / GIB, free / GIB, max(1, free // one)),
        )


def peak():
    """Bytes of the largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def available():
    """Bytes this process may still take: the machine's, or its cgroup's when that is less."""
    try:
        with open("/proc/meminfo") as file:
            table = dict(line.split(":", 1) for line in file)
        free = int(table["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    for most, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        try:
            with open(most) as file, open(used) as now:
                free = min(free, int(file.read()) - int(now.read()))
        except (OSError, ValueError):
            continue
    return free
