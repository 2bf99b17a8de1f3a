"""Which key does what, once for the program and for the help page. Pure."""

from typing import NamedTuple

from envcheck.watch.screen.ink import BLANK, Glyphs, Line, Span


class Binding(NamedTuple):
    """Keys by textual's names, what they do, and the words of the help page."""

    keys: tuple[str, ...]
    action: str
    shown: str
    words: str


BINDINGS = (
    Binding(("q", "ctrl+c", "ctrl+q"), "quit", "q", "quit; always works, Ctrl-C too"),
    Binding(("question_mark", "h", "f1"), "help", "?", "this page"),
    Binding(("up",), "up", "Up Down", "choose a process, scroll a page; PgUp and PgDn by ten"),
    Binding(("down",), "down", "", ""),
    Binding(("pageup",), "page_up", "", ""),
    Binding(("pagedown",), "page_down", "", ""),
    Binding(("enter",), "detail", "Enter", "all values of one GPU: that of the chosen process"),
    Binding(("right", "tab"), "next", "Left Right", "the GPU before, the next GPU"),
    Binding(("left", "shift+tab"), "before", "", ""),
    Binding(("escape",), "back", "Esc", "back; forget choice and filter"),
    Binding(("slash",), "filter", "/", "show processes with these words; gpu3 is that GPU"),
    Binding(("s",), "sort", "s", "order by the next column"),
    Binding(("r",), "reverse", "r", "the other way round"),
    Binding(("t",), "tree", "t", "processes below their parents"),
    Binding(("v",), "layout", "v", "rows, two rows, graphs, or what fits"),
    Binding(("k",), "kill", "k", "end the chosen process: TERM, and KILL at the second time"),
    Binding(("space", "p"), "pause", "Space", "hold still, and go on"),
    Binding(("full_stop",), "step", ".", "one tick on, while a recording is held"),
    Binding(("plus", "equals_sign"), "faster", "+ -", "a recording twice or half as fast"),
    Binding(("minus",), "slower", "", ""),
    Binding(("0", "home"), "again", "0", "a recording from its start"),
)

ACTIONS = {key: binding.action for binding in BINDINGS for key in binding.keys}


def help_lines(glyphs: Glyphs) -> list[Line]:
    """The help page."""
    keys = [(Span(f"  {one.shown:<12}", "key"), Span(one.words)) for one in BINDINGS if one.shown]
    signs: list[Line] = [
        (Span("  PEAK", "bold"), Span(f" and {glyphs.peak}: the highest sample within the tick")),
        (Span("  n/a", "bold"), Span(": not read; Enter shows why. Gap in a graph: no reading")),
        (Span(f"  {glyphs.up}/{glyphs.down}", "bold"),
         Span(": bytes a second from the GPU / to the GPU")),
        (Span("  !", "bad"), Span(": a fault: Xid, ECC, row remapping. Others: throttle reasons")),
    ]  # fmt: skip
    return [*keys, BLANK, *signs]
