"""The console script: turns every outcome into an exit code, never into a traceback."""

import os
import sys

from envcheck.errors import EXIT_UNCHECKABLE, EXIT_USAGE, UsageError


def main() -> None:
    """Run the command line and exit."""
    if sys.argv[1:] == ["--version"]:  # no need to load the commands for this
        from envcheck import __version__

        print(f"envcheck {__version__}")
        return
    from envcheck.cli.app import app

    try:
        app()
    except UsageError as error:
        print(f"envcheck: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `envcheck … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        print(f"envcheck: {error}", file=sys.stderr)
        sys.exit(EXIT_UNCHECKABLE)


if __name__ == "__main__":
    main()
