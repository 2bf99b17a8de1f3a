"""What the user has chosen to see, and all that a frame is drawn from. Pure."""

from typing import Literal

import msgspec

from envcheck.watch.screen.history import History
from envcheck.watch.screen.ink import UNICODE, Glyphs
from envcheck.watch.tick import Tick

Layout = Literal["auto", "rows", "two rows", "graphs"]
Mode = Literal["watch", "filter", "confirm", "help", "detail"]
LAYOUTS: tuple[Layout, ...] = ("auto", "rows", "two rows", "graphs")
SORTS = ("gpu", "pid", "user", "memory", "sm", "cpu", "rss", "command")

Key = tuple[int, int]  # process id and GPU: one row of the process table


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything keys change."""

    mode: Mode = "watch"
    layout: Layout = "auto"
    sort: str = "memory"
    reverse: bool = False
    tree: bool = False
    filter: str = ""
    chosen: Key | None = None  # in the process table
    gpu: int = 0  # position of the GPU shown in detail
    scroll: int = 0  # of the detail and help pages
    question: str = ""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One frame's contents."""

    tick: Tick | None
    history: History
    view: View = View()
    glyphs: Glyphs = UNICODE
    stalled: str = ""  # "driver not answering since 10:03:12"
    status: str = ""  # "replay x2", "paused"
    notice: str = ""  # the last thing that was done, or refused
