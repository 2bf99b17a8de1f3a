"""The screen as a program, driven by textual's pilot; and the real one in a terminal of its own."""

import asyncio
import gzip
import os
import pty
import re
import select
import struct
import sys
import termios
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from fcntl import ioctl
from pathlib import Path

import pytest
from textual.pilot import Pilot

from envcheck.errors import UsageError
from envcheck.render.style import Style
from envcheck.watch.record import Recorder, Recording
from envcheck.watch.screen.app import Canvas, LiveApp, ReplayApp, Wait, WatchApp
from envcheck.watch.screen.replay import Replay
from envcheck.watch.tick import Tick, decode
from tests.watch.conftest import Command, Fleet
from tests.watch.ticks import gpu, process, tick

PLAIN = Style()
COLOURED = Style(colour=True)
SCREENS = [(40, 12), (80, 24), (200, 60)]


def text(app: WatchApp) -> str:
    canvas = app.query_one(Canvas)
    return "\n".join(canvas.render_line(y).text.rstrip() for y in range(canvas.size.height))


async def until(pilot: Pilot[None], true: Callable[[], object]) -> None:
    """Lets the program run on until it is so."""
    for _ in range(2000):
        if true():
            return
        await pilot.pause(0.005)
    raise AssertionError(text(pilot.app) if isinstance(pilot.app, WatchApp) else "")


def live(*ticks: Tick, style: Style = PLAIN) -> LiveApp:
    """The live screen on these ticks, after which the source waits until the user quits."""

    def source(wait: Wait) -> Iterator[Tick]:
        yield from ticks
        wait(600)

    return LiveApp(source, style, 1.0)


def drive(
    app: WatchApp,
    act: Callable[[Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
) -> None:
    async def go() -> None:
        async with app.run_test(size=size) as pilot:
            await act(pilot)

    try:
        asyncio.run(go())
    finally:
        if isinstance(app, LiveApp):
            app.finish(20)


@pytest.mark.parametrize("size", SCREENS)
def test_live(size: tuple[int, int]) -> None:
    app = live(tick(gpu(0, temperature_celsius=77), processes=(process(4711),)))

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "4711" in text(app))
        assert "H100" in text(app) or size[0] == 40
        await pilot.press("q")

    drive(app, act, size)
    assert app.return_code == 0


def test_resizing() -> None:
    app = live(tick(*(gpu(index) for index in range(16))))

    async def act(pilot: Pilot[None]) -> None:
        for size in ((80, 24), (41, 13), (200, 60), (20, 5), (80, 24)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: len(text(app).split("\n")) == size[1])  # type: ignore[misc]
        await until(pilot, lambda: " 15 H100" in text(app))

    drive(app, act)


def test_keys_reach_the_screen() -> None:
    app = live(tick(gpu(0), processes=(process(1, command="train"), process(2, command="serve"))))

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "train" in text(app))
        await pilot.press("slash", "s", "e", "r", "enter")
        assert "serve" in text(app)
        assert "train" not in text(app)
        await pilot.press("question_mark")
        assert "KILL at the second time" in text(app)
        await pilot.press("escape", "enter")
        assert "GPU 0 of 1" in text(app)

    drive(app, act)


@pytest.mark.parametrize("keys", ["q", "ctrl+c", "slash a ctrl+c", "question_mark q"])
def test_quit(keys: str) -> None:
    app = live(tick(gpu(0)))

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press(*keys.split())
        await until(pilot, lambda: not app.is_running)

    drive(app, act)
    assert app.return_code == 0


def test_a_driver_that_hangs_is_said_and_keys_work() -> None:
    hung = threading.Event()

    def source(wait: Wait) -> Iterator[Tick]:
        yield tick(gpu(0))
        hung.wait(60)

    app = LiveApp(source, PLAIN, interval_s=-2.0)  # no patience: silent at once

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "driver not answering since " in text(app))
        await pilot.press("question_mark")
        assert "this page" in text(app)
        assert "driver not answering since " in text(app)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
        hung.set()

    drive(app, act)
    assert app.return_code == 0


def test_held_still_and_gone_on() -> None:
    first, second = threading.Event(), threading.Event()

    def source(wait: Wait) -> Iterator[Tick]:
        yield tick(gpu(0, temperature_celsius=41))
        first.wait(60)
        yield tick(gpu(0, temperature_celsius=42))
        second.set()
        wait(600)

    app = LiveApp(source, PLAIN, 1.0)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: " 41" in text(app))
        await pilot.press("space")
        first.set()
        await until(pilot, second.is_set)
        await pilot.pause()
        assert " 41" in text(app)
        assert "held" in text(app)
        await pilot.press("space")
        await until(pilot, lambda: " 42" in text(app))

    drive(app, act)


def test_a_source_that_fails_ends_the_program() -> None:
    def source(wait: Wait) -> Iterator[Tick]:
        yield tick(gpu(0))
        raise OSError("disk full")

    app = LiveApp(source, PLAIN, 1.0)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: not app.is_running)

    drive(app, act)
    assert str(app.error) == "disk full"


def test_the_last_tick_ends_the_program() -> None:
    app = LiveApp(lambda wait: iter([tick(gpu(0))]), PLAIN, 1.0)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: not app.is_running)

    drive(app, act)
    assert app.error is None


@pytest.mark.parametrize(("style", "colours"), [(PLAIN, False), (COLOURED, True)])
def test_no_colour_without_colour(style: Style, colours: bool) -> None:
    app = live(tick(gpu(0, utilization_percent=50.0)), style=style)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "50%" in text(app))
        canvas = app.query_one(Canvas)
        styles = [segment.style for y in range(24) for segment in canvas.render_line(y)]
        assert any(style is not None and style.color is not None for style in styles) == colours

    drive(app, act)


def recording(tmp_path: Path, ticks: int = 3) -> Path:
    path = tmp_path / "r.gz"
    with Recorder(path) as recorder:
        for number in range(ticks):
            recorder.write(tick(gpu(0, temperature_celsius=40 + number)))
    return path


def test_replay_by_hand(tmp_path: Path) -> None:
    app = ReplayApp(Replay(Recording(recording(tmp_path)), speed=1 / 16), PLAIN)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: " 40" in text(app))
        await pilot.press("full_stop")
        assert " 41" in text(app)
        assert "replay held" in text(app)
        await pilot.press("full_stop", "full_stop")
        assert " 42" in text(app)
        assert "end of recording" in text(app)
        await pilot.press("0", "plus", "plus")
        await until(pilot, lambda: " 40" in text(app))

    drive(app, act)


def test_replay_of_a_torn_recording_says_so(tmp_path: Path) -> None:
    path = recording(tmp_path)
    path.write_bytes(path.read_bytes()[:-12])
    app = ReplayApp(Replay(Recording(path), speed=1000), PLAIN)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "end of recording: its writer was killed" in text(app))
        assert " 42" in text(app)

    drive(app, act)


def test_replay_of_something_else_ends_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "r.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"{}\n")
    app = ReplayApp(Replay(Recording(path)), PLAIN)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: not app.is_running)

    drive(app, act)
    assert isinstance(app.error, UsageError)


class Terminal:
    """A terminal of 80×24 with a program in it."""

    def __init__(self, arguments: list[str], env: Mapping[str, str]) -> None:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, *arguments], dict(env))
        ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.output = ""

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def read_until(self, words: str) -> None:
        end = time.monotonic() + 60
        while words not in self.output:
            ready, _, _ = select.select([self._descriptor], [], [], max(0, end - time.monotonic()))
            assert ready, self.output
            try:
                self.output += os.read(self._descriptor, 1 << 16).decode(errors="replace")
            except OSError:  # the program has ended
                raise AssertionError(self.output) from None

    def end(self) -> int:
        """The exit code, when it has ended by itself; reads on meanwhile."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self._descriptor)
                return os.waitstatus_to_exitcode(status)
            if select.select([self._descriptor], [], [], 0.05)[0]:
                try:
                    self.output += os.read(self._descriptor, 1 << 16).decode(errors="replace")
                except OSError:
                    continue
        os.kill(self.pid, 9)
        raise AssertionError("still running")


GPU_WATCH = ["-m", "envcheck", "gpu-watch"]
SGR_COLOUR = re.compile(r"\x1b\[[0-9;]*\b(?:38;2|38;5|3[0-7]|9[0-7])[;m]")


@pytest.mark.parametrize("colour", [True, False])
def test_in_a_terminal(simulated: Fleet, colour: bool) -> None:
    env = {**simulated(8), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    env.pop("NO_COLOR", None)
    env |= {} if colour else {"NO_COLOR": "1"}
    terminal = Terminal(GPU_WATCH, env)
    terminal.read_until("one GPU")
    terminal.type("q")
    assert terminal.end() == 0
    assert bool(SGR_COLOUR.search(terminal.output)) == colour


def test_in_a_terminal_without_utf8(simulated: Fleet) -> None:
    env = {**simulated(2), "TERM": "xterm", "LC_ALL": "C"}
    terminal = Terminal(GPU_WATCH, env)
    terminal.read_until("one GPU")
    terminal.type("q")
    assert terminal.end() == 0
    assert terminal.output.isascii()


def test_quit_in_a_terminal_while_the_driver_hangs(simulated: Fleet) -> None:
    fault = {"gpu": 0, "fn": "nvmlDeviceGetTemperatureV", "wedge": True}
    env = {**simulated(1, faults=[fault]), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    terminal = Terminal(GPU_WATCH, env)
    terminal.read_until("not answering since")
    terminal.type("q")
    assert terminal.end() == 3


WITHOUT = "import sys; sys.modules['textual'] = None; from envcheck.__main__ import main; main()"


def test_without_textual_there_is_a_table_and_a_hint(simulated: Fleet) -> None:
    terminal = Terminal(["-c", WITHOUT, "gpu-watch"], {**simulated(2), "TERM": "xterm"})
    terminal.read_until("pip install textual")
    terminal.type("\x03")
    assert terminal.end() == 0
    assert "UTIL" in terminal.output


def test_replay_in_a_terminal(simulated: Fleet, tmp_path: Path) -> None:
    path = str(recording(tmp_path))
    terminal = Terminal(
        [*GPU_WATCH, "--replay", path, "--speed", "64", "--ascii"],
        {**simulated(0), "TERM": "xterm", "LC_ALL": "C.UTF-8"},
    )
    terminal.read_until("end of recording")
    terminal.type("q")
    assert terminal.end() == 0
    assert terminal.output.isascii()


def test_replay_into_a_pipe_is_converted(gpu_watch: Command, tmp_path: Path) -> None:
    path = recording(tmp_path)
    path.write_bytes(path.read_bytes()[:-12])
    ran = gpu_watch("--replay", str(path), "--format", "jsonl", env=os.environ)
    assert [decode(line) for line in ran.stdout.splitlines()] == list(Recording(path))
    assert ran.stderr == f"envcheck: {path}: its writer was killed\n"
    ran = gpu_watch("--replay", str(path), env=os.environ)
    assert ran.stdout.count("UTIL") == 3
    assert "\x1b" not in ran.stdout


def test_replay_of_nothing(gpu_watch: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("empty", "missing"):
        ran = gpu_watch("--replay", str(tmp_path / name), env=os.environ)
        assert ran.returncode == 2
        assert ran.stderr.startswith(f"envcheck: {tmp_path / name}: ")
