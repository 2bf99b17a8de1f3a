"""The console script: turns every outcome into an exit code, never into a traceback."""

import os
import sys

from envcheck.errors import EXIT_OK, EXIT_UNCHECKABLE, EXIT_USAGE, UsageError

INTERRUPTED = 130  # as shells report a program ended by Ctrl-C


def main() -> None:
    """Run the command line and end the process at once.

    Without taking the interpreter down in order: probes that hang stay behind in daemon threads,
    and freeing everything piece by piece would take a tenth of the doctor's time.
    """
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
    if sys.argv[1:2] == ["gpu-watch"]:  # NVML's worker starts beside the imports
        from envcheck.nvml.client import start_early

        start_early()
    from envcheck.cli.app import app

    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_OK
    except UsageError as error:
        print(f"envcheck: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `envcheck … | head`
        return EXIT_OK
    except OSError as error:
        print(f"envcheck: {error}", file=sys.stderr)
        return EXIT_UNCHECKABLE
    return EXIT_OK


if __name__ == "__main__":
    main()
