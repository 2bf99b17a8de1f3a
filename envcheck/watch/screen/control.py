"""Keys → what is seen. Pure but for the process that is being ended; knows no terminal."""

from pathlib import Path

import msgspec

from envcheck.watch.screen.history import History
from envcheck.watch.screen.ink import Glyphs
from envcheck.watch.screen.keys import ACTIONS
from envcheck.watch.screen.kill import Refused, Victim
from envcheck.watch.screen.processes import rows_of
from envcheck.watch.screen.view import LAYOUTS, SORTS, Scene, View
from envcheck.watch.tick import ProcessTick, Tick, read

_PAGE = 10
_LONGEST_FILTER = 200


class Control:
    """The state of the screen, and what a key makes of it."""

    def __init__(self, glyphs: Glyphs, *, live: bool, proc: Path = Path("/proc")) -> None:
        """Processes can be ended when `live`; those of a recording are other ones by now."""
        self.scene = Scene(tick=None, history=History(), glyphs=glyphs)
        self._live, self._proc = live, proc
        self._asked: Victim | None = None
        self._struck: dict[int, Victim] = {}

    def take(self, tick: Tick) -> None:
        """A new tick."""
        self.scene.history.add(tick)
        self._set(tick=tick)
        for pid, victim in list(self._struck.items()):
            if not victim.alive:
                del self._struck[pid]
                self._set(notice=f"{pid} has ended")

    def forget(self) -> None:
        """Nothing seen so far: a recording starts again."""
        self._set(tick=None, history=History())

    def say(self, *, status: str | None = None, stalled: str | None = None) -> None:
        if status is not None:
            self._set(status=status)
        if stalled is not None:
            self._set(stalled=stalled)

    def press(self, key: str, character: str | None) -> str:
        """What a key does here; or the name of an action that is not the screen's to take.

        Those are "quit", "pause", "step", "faster", "slower", "again".
        """
        action = ACTIONS.get(key, "")
        if key in ("ctrl+c", "ctrl+q"):
            return "quit"
        if self._view.mode == "filter":
            self._type(key, character)
            return ""
        self._set(notice="")
        if self._view.mode == "confirm":
            self._answer(yes=key == "y")
            return "quit" if action == "quit" else ""
        method = getattr(self, f"_on_{action}", None)
        if method is None:
            return action
        method()
        return ""

    @property
    def _view(self) -> View:
        return self.scene.view

    def _set(self, **values: object) -> None:
        self.scene = msgspec.structs.replace(self.scene, **values)

    def _show(self, **values: object) -> None:
        self._set(view=msgspec.structs.replace(self._view, **values))

    def _on_help(self) -> None:
        self._show(mode="watch" if self._view.mode == "help" else "help", scroll=0)

    def _on_detail(self) -> None:
        chosen, tick = self._view.chosen, self.scene.tick
        gpus = tick.gpus if tick else ()
        at = self._view.gpu
        if chosen is not None:
            at = next((n for n, gpu in enumerate(gpus) if gpu.index == chosen[1]), at)
        self._show(mode="watch" if self._view.mode == "detail" else "detail", gpu=at, scroll=0)

    def _on_next(self) -> None:
        self._turn(1)

    def _on_before(self) -> None:
        self._turn(-1)

    def _turn(self, by: int) -> None:
        count = len(self.scene.tick.gpus) if self.scene.tick else 0
        at = (self._view.gpu + by) % count if count and self._view.mode == "detail" else 0
        self._show(mode="detail", gpu=at, scroll=0)

    def _on_back(self) -> None:
        if self._view.mode == "watch":
            self._show(chosen=None, filter="")
        self._show(mode="watch", scroll=0)

    def _on_filter(self) -> None:
        self._show(mode="filter")

    def _type(self, key: str, character: str | None) -> None:
        text = self._view.filter
        if key == "enter":
            self._show(mode="watch")
        elif key == "escape":
            self._show(mode="watch", filter="")
        elif key in ("backspace", "ctrl+h"):
            self._show(filter=text[:-1])
        elif key == "ctrl+u":
            self._show(filter="")
        elif character and character.isprintable() and len(text) < _LONGEST_FILTER:
            self._show(filter=text + character)

    def _on_sort(self) -> None:
        following = SORTS[(SORTS.index(self._view.sort) + 1) % len(SORTS)]
        self._show(sort=following, reverse=False)

    def _on_reverse(self) -> None:
        self._show(reverse=not self._view.reverse)

    def _on_tree(self) -> None:
        self._show(tree=not self._view.tree)

    def _on_layout(self) -> None:
        following = LAYOUTS[(LAYOUTS.index(self._view.layout) + 1) % len(LAYOUTS)]
        self._show(layout=following)

    def _on_up(self) -> None:
        self._move(-1)

    def _on_down(self) -> None:
        self._move(1)

    def _on_page_up(self) -> None:
        self._move(-_PAGE)

    def _on_page_down(self) -> None:
        self._move(_PAGE)

    def _move(self, by: int) -> None:
        if self._view.mode in ("detail", "help"):
            self._show(scroll=max(0, min(self._view.scroll + by, 100)))
            return
        rows = rows_of(self.scene.tick, self._view, self.scene.glyphs)
        keys = [row.key for row in rows if row.key is not None]
        if not keys:
            return
        chosen = self._view.chosen
        at = keys.index(chosen) + by if chosen in keys else 0 if by > 0 else len(keys) - 1
        self._show(chosen=keys[max(0, min(at, len(keys) - 1))])

    def _on_kill(self) -> None:
        process = self._chosen()
        if not self._live:
            self._set(notice="a recording: its processes are not to be ended")
        elif process is None:
            self._set(notice="choose a process with Up and Down first")
        else:
            try:
                self._asked = self._struck.get(process.pid) or Victim(process, self._proc)
            except Refused as why:
                self._set(notice=str(why))
                return
            signal = "KILL" if self._asked.warned else "TERM"
            command = read(process.command) or "?"
            user = read(process.user) or "?"
            question = f"Send {signal} to {process.pid} of user {user}? {command}"
            self._show(mode="confirm", question=question)

    def _answer(self, *, yes: bool) -> None:
        self._show(mode="watch", question="")
        victim, self._asked = self._asked, None
        if victim is None or not yes:
            return
        try:
            self._set(notice=victim.strike())
            self._struck[victim.pid] = victim
        except Refused as why:
            self._set(notice=str(why))

    def _chosen(self) -> ProcessTick | None:
        rows = rows_of(self.scene.tick, self._view, self.scene.glyphs)
        return next((row.process for row in rows if row.key == self._view.chosen), None)
