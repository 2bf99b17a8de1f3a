"""The server on standard input and output, by the protocol's official SDK (an extra).

https://modelcontextprotocol.io/specification
"""

import json
from typing import Any

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from envcheck import __version__
from envcheck.errors import UsageError
from envcheck.mcp.tools import Tool, tools

INSTRUCTIONS = (
    "Whether a GPU machine is fit for PyTorch. doctor judges this machine, or a pasted"
    " collect_env or nvidia-smi report; explain tells what an error text or a finding means; compat"
    " names the torch build for a GPU and driver; builds is the matrix; inspect reads GPU code and"
    " needs of compiled files. All of them only read."
)


def server(python: str | None) -> "Server[dict[str, Any]]":
    """The server with its tools; `python` is the interpreter they examine."""
    known = {tool.name: tool for tool in tools()}

    async def list_tools(
        context: ServerRequestContext[dict[str, Any]], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in known.values()])

    async def call_tool(
        context: ServerRequestContext[dict[str, Any]], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = known.get(params.name)
        if tool is None:
            return _failed(f"no tool is called {params.name!r}; there are {', '.join(known)}")
        try:
            answer = await anyio.to_thread.run_sync(tool.run, params.arguments or {}, python)
        except UsageError as error:
            return _failed(str(error))
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=json.dumps(answer, ensure_ascii=False))],
            structured_content=answer,
        )

    return Server(
        "envcheck",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def serve(python: str | None) -> None:
    """Answers until the client closes its end."""

    async def run() -> None:
        serving = server(python)
        async with stdio_server() as (reading, writing):
            await serving.run(reading, writing, serving.create_initialization_options())

    anyio.run(run)


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.about,
        input_schema=tool.schema,
        output_schema=tool.answers,
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )


def _failed(why: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=why)], is_error=True)
