"""What one harvest costs: traffic, requests and seconds beside the size of the wheel itself.

    python benchmarks/harvest.py [RELEASE…]

Reads the wheels on the index pip is configured with, anew, into a temporary folder. Traffic counts
the bodies of all answers, the index page among them.
"""

import sys
import tempfile
import time
from pathlib import Path

from envcheck.index import Web, files_of, open_file, read_pip_config
from envcheck.kb.harvest import Result, harvest
from envcheck.kb.targets import PLATFORMS

RELEASES = ("1.13.1", "2.4.0", "2.10.0", "2.15.0")


class Traffic:
    """Counts what arrives."""

    def __init__(self) -> None:
        self.bytes = 0

    def wheels(self, count: int) -> None:
        pass

    def reading(self, wheel: str) -> None:
        pass

    def received(self, size: int) -> None:
        self.bytes += size

    def finished(self, result: Result) -> None:
        if result.outcome != "read":
            sys.exit(f"{result.wheel}: {result.reason}")


def main() -> None:
    """Print one row a release."""
    config = read_pip_config()
    urls = {file.name: file.url for file in files_of("torch", config, Web(config))}
    print(f"{'release':9}{'wheel MB':>10}{'traffic MB':>12}{'requests':>10}{'seconds':>9}")
    for release in sys.argv[1:] or RELEASES:
        traffic, began = Traffic(), time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            linux = PLATFORMS[:1]
            (result,) = harvest(f"torch=={release}", traffic, platforms=linux, folder=out)
        seconds = time.monotonic() - began
        with open_file(Web(config), urls[result.wheel]) as wheel:
            size = wheel.size
        print(
            f"{release:9}{size / 1e6:10.1f}{traffic.bytes / 1e6:12.1f}"
            f"{result.requests + 1:10}{seconds:9.1f}"
        )


if __name__ == "__main__":
    main()
