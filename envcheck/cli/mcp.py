"""`envcheck mcp`."""

from envcheck.cli import options


def mcp(python: options.Python = None) -> None:
    """Serve the commands to coding assistants, on stdin and stdout.

    doctor, compat, explain, inspect and builds, as tools of the Model Context Protocol that only
    read. Needs the package mcp. Exit codes: 0 the client closed, 2 wrong usage or the package is
    missing.
    """
    from envcheck.errors import UsageError

    try:
        from envcheck.mcp.server import serve
    except ModuleNotFoundError as error:
        from envcheck.extras import install

        raise UsageError(f"no module {error.name}: {install('mcp')}") from error
    serve(python)
