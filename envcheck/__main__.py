"""The console script: turns every outcome into an exit code, never into a traceback."""

import os
import sys
from collections.abc import Callable
from functools import partial

from envcheck.errors import EXIT_OK, EXIT_UNCHECKABLE, EXIT_USAGE, UsageError

INTERRUPTED = 130  # as shells report a program ended by Ctrl-C


def main() -> None:
    """Run the command line and end the process at once.

    Without taking the interpreter down in order: probes that hang stay behind in daemon threads,
    and freeing everything piece by piece would take a tenth of the doctor's time.
    """
    for name in ("stdout", "stderr"):  # closed by whoever started us
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    code = run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # `envcheck … | head`
        pass
    os._exit(code)


def run() -> int:
    """Run the command line of `sys.argv`; the exit code."""
    if sys.argv[1:] == ["--version"]:  # no need to load the commands for this
        from envcheck import __version__

        print(f"envcheck {__version__}")
        return EXIT_OK
    command = _gpu_watch() if sys.argv[1:2] == ["gpu-watch"] else _any()
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_OK
    except UsageError as error:
        return _refused(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `envcheck … | head`
        return EXIT_OK
    except OSError as error:
        print(f"envcheck: {error}", file=sys.stderr)
        return EXIT_UNCHECKABLE
    return EXIT_OK


def _refused(error: UsageError) -> int:
    """Says what is wrong; to a monitoring system as a plug-in does, which takes 2 for critical."""
    from envcheck.render.style import plain

    if "nagios" in sys.argv or "--format=nagios" in sys.argv:
        from envcheck.render.nagios import unknown
        from envcheck.report import NAGIOS_UNKNOWN

        sys.stdout.write(unknown(str(error)))
        return NAGIOS_UNKNOWN
    print("envcheck:", "\n".join(map(plain, str(error).split("\n"))), file=sys.stderr)
    return EXIT_USAGE


def _any() -> Callable[[], object]:
    from envcheck.cli.app import app

    return app


def _gpu_watch() -> Callable[[], object]:
    """NVML's worker starts beside the imports, and the other commands are not built."""
    from envcheck.nvml.client import start_early

    start_early()
    if sys.argv[2:] == ["--once"]:  # one look: the option parser would be a quarter of it
        from envcheck.watch.stream import once

        return once
    from envcheck.cli.gpu_watch import app

    return partial(app, sys.argv[2:], prog_name="envcheck gpu-watch")


if __name__ == "__main__":
    main()
