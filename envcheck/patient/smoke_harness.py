"""How a proof reports: JSON lines on the standard output it was started with, one for the beginning
and one for the end of each trial, so that the reader knows in which trial a process died.

Must not know what is proved. The job is one JSON object on standard input.
"""

import json
import math
import os
import re
import sys
import time

TEXT_LIMIT = 2000  # characters kept of an error

# What CUDA and torch say, and the word for it. The first that matches wins.
REASONS = (
    ("out_of_memory", r"out of memory|can't allocate memory|cannot allocate memory|bad alloc"),
    (
        "gpu_lost",
        r"gpu is lost|fallen off the bus|device.{0,20}(?:lost|unavailable)"
        r"|uncorrectable ecc|nvlink error|cuda error: unknown error",
    ),
    (
        "gpu_fault",
        r"illegal memory access|unspecified launch failure|illegal instruction"
        r"|misaligned address|device-side assert|launch timed out",
    ),
    ("no_gpu_code", r"no kernel image is available|invalid device function|provided ptx"),
    (
        "driver_too_old",
        r"driver (?:on your system )?is too old|driver version is insufficient"
        r"|unsupported display driver",
    ),
    ("no_gpu", r"found no nvidia driver|no cuda gpus are available|no cuda-capable device"),
    ("device_absent", r"invalid device ordinal"),
    ("missing_library", r"cannot open shared object file|undefined symbol|version .* not found"),
)


class Skip(Exception):
    """There is nothing here to prove it on: (reason, words)."""


class Fail(Exception):
    """It failed in a way that has a name: (reason, words)."""


class DeviceGone(BaseException):
    """The device was lost in an earlier proof: every later one would fail, or hang, for that."""


class Trial(object):
    """One proof under way. Set `measured`, `limit`, `rates` and `details` while it runs."""

    def __init__(self, out, name, check, device):
        self.fields = {"name": name, "check": check, "device": device}
        self.measured = None
        self.limit = None
        self.expected = None
        self.rates = {}
        self.details = {}
        self.ok = False
        self._out = out

    def __enter__(self):
        self._out.send(dict(self.fields, event="begin"))
        self._begun = time.time()
        return self

    def __exit__(self, kind, error, trace):
        fields = dict(self.fields, event="trial", seconds=round(time.time() - self._begun, 4))
        if error is None and not finite(self):
            error = Fail("not_finite", "the result holds NaN or infinity")
        if error is None:
            self.ok = True
            fields["status"] = "ok"
        elif isinstance(error, Skip):
            fields.update(status="skipped", reason=error.args[0], detail=error.args[1])
        elif isinstance(error, Fail):
            fields.update(status="failed", reason=error.args[0], detail=error.args[1][:TEXT_LIMIT])
        elif not isinstance(error, Exception):  # SystemExit, KeyboardInterrupt, DeviceGone
            return False
        else:
            text = words(error)
            fields.update(status="failed", reason=reason(error), detail=text)
            if fields["reason"] in ("gpu_lost", "gpu_fault"):
                self._out.gone.add(self.fields["device"])
        for name in ("measured", "limit", "expected"):
            value = getattr(self, name)
            if value is not None and math.isfinite(value):
                fields[name] = float(value)
        fields["rates"] = {k: float(v) for k, v in self.rates.items() if math.isfinite(v)}
        fields["details"] = {k: str(v)[:TEXT_LIMIT] for k, v in self.details.items()}
        self._out.send(fields)
        return True


class Out(object):
    """The line to the reader. Whatever else prints to standard output goes to standard error."""

    def __init__(self):
        sys.stdout.flush()
        self._file = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self.gone = set()  # devices whose context is broken
        os.dup2(2, 1)

    def send(self, message):
        self._file.write(json.dumps(message) + "\n")
        self._file.flush()

    def trial(self, name, check, device="cpu"):
        if device in self.gone:
            raise DeviceGone(device)
        return Trial(self, name, check, device)


def finite(trial):
    return trial.measured is None or math.isfinite(trial.measured)


def words(error):
    text = "%s: %s" % (type(error).__name__, error)
    return text.encode("utf-8", "replace").decode("utf-8")[:TEXT_LIMIT]


def reason(error):
    """The word for an error: see REASONS; "error" for anything else."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out_of_memory"
    text = str(error).lower()
    for name, pattern in REASONS:
        if re.search(pattern, text):
            return name
    return "import_error" if isinstance(error, ImportError) else "error"


def start(main):
    """Reads the job and runs `main(job, out)`."""
    out = Out()
    job = json.loads(sys.stdin.read())
    try:
        main(job, out)
    except DeviceGone:
        pass  # told by the proof that it was lost in
    out.send({"event": "end"})


def step_back(file):
    """Moves the folder of these scripts to the end of sys.path: it must hide no real package."""
    here = os.path.dirname(os.path.abspath(file))
    others = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    sys.path[:] = [*others, here]
