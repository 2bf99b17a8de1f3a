"""This machine as a Request: only the probes for the facts it needs run."""

from envcheck.errors import UsageError
from envcheck.kb import Knowledge
from envcheck.probes.take import take_snapshot
from envcheck.resolve.request import Request, request_of

_FACTS = ("gpus", "driver", "python", "host", "container")


def request_of_this_machine(kb: Knowledge, timeout: float = 10.0) -> Request:
    """What a build must run on here; what could not be read excludes nothing.

    Raises:
        UsageError: there are no CUDA builds for this platform.
    """
    taken, _ = take_snapshot(python=None, facts=_FACTS, purpose="run", timeout=timeout, kb=kb)
    request = request_of(taken.gpus, taken.driver, taken.python, taken.host, taken.container)
    if request is None:
        raise UsageError(
            "there are no CUDA builds of torch for this platform: leave out --here, and name"
            " another with --platform"
        )
    return request
