"""Reads a training's configuration and looks at the files it names. Must not judge them."""

import os
from collections.abc import Sequence

import msgspec

from envcheck.errors import UsageError
from envcheck.facts import Missing, Why
from envcheck.facts.training import Checkpoint, NeededFile, Training
from envcheck.probes.host import Host
from envcheck.video.checkpoint import PEEK, read_checkpoint
from envcheck.video.config import read_config
from envcheck.video.config_text import LIMIT
from envcheck.video.defaults import Defaults, as_text, published, read_defaults

KEYS = "slowfast/config/defaults.py"
CUSTOM = "slowfast/config/custom_config.py"
SOURCE_LIMIT = 1 << 20  # bytes of defaults.py
LIST_LIMIT = 16 << 20  # bytes of a list that are counted
ADDRESS = ("http://", "https://")
# Where `--data DIR` holds what; AVA's as PySlowFast's DATASET.md lays it out.
FOLDERS = {
    "DATA.PATH_TO_DATA_DIR": "",
    "AVA.FRAME_LIST_DIR": "frame_lists",
    "AVA.ANNOTATION_DIR": "annotations",
    "AVA.FRAME_DIR": "frames",
}
AVA_FILES = {  # settings that name files of AVA.ANNOTATION_DIR
    "train": ("AVA.TRAIN_GT_BOX_LISTS", "AVA.TRAIN_PREDICT_BOX_LISTS"),
    "always": (
        "AVA.TEST_PREDICT_BOX_LISTS", "AVA.LABEL_MAP_FILE", "AVA.EXCLUSION_FILE",
        "AVA.GROUNDTRUTH_FILE",
    ),
}  # fmt: skip
LISTED = ("kinetics", "ptvkinetics")  # a line is a video
FRAME_LISTED = ("charades", "ptvcharades", "ssv2", "ptvssv2")  # a line is a frame
SECONDS = range(902, 1799)  # of AVA's films, those that are annotated


def read_training(
    host: Host, file: str, *, folder: str | None, repo: str | None, overrides: Sequence[str]
) -> Training:
    """The training that a configuration describes.

    Args:
        folder: takes the place of the data folders that the configuration names.
        repo: a checkout of PySlowFast, whose settings are the known ones.
        overrides: KEY VALUE pairs, as PySlowFast's own command line takes them.

    Raises:
        UsageError: the configuration, or the checkout, cannot be read.
    """
    here = os.getcwd()
    defaults = _defaults(host, os.path.join(here, repo)) if repo else published()
    pairs = list(overrides)
    if folder is not None:
        root = os.path.join(here, folder)
        if not host.is_dir(root):
            raise UsageError(f"--data {folder} is not a folder")
        for key, inside in FOLDERS.items():
            if key in defaults.settings:
                pairs = [key, os.path.join(root, inside).rstrip("/") or "/", *pairs]

    def read(path: str) -> bytes:
        return _bytes(host, path, LIMIT + 1)

    config = read_config(as_text(file), read, defaults, pairs)
    training = Training(
        file=as_text(file),
        keys=defaults.source,
        given=config.given,
        settings=config.settings,
        repeats=config.repeats,
        tags=config.tags,
    )
    return _Looked(host, here, training).training()


def _defaults(host: Host, repo: str) -> Defaults:
    path = os.path.join(repo, KEYS)
    text = _bytes(host, path, SOURCE_LIMIT).decode("utf-8", "replace")
    settings = read_defaults(text, path)
    if "TRAIN.BATCH_SIZE" not in settings:
        raise UsageError(f"{path} holds no settings of PySlowFast")
    custom = os.path.join(repo, CUSTOM)
    if host.is_file(custom):
        text = _bytes(host, custom, SOURCE_LIMIT).decode("utf-8", "replace")
        settings |= read_defaults(text, custom)
    return Defaults(path, settings)


def _bytes(host: Host, path: str, limit: int) -> bytes:
    data = host.read_bytes(os.path.abspath(path), limit)
    if isinstance(data, Missing):
        raise UsageError(data.detail)
    return data


class _Looked:
    """The configuration with what the files it names are like."""

    def __init__(self, host: Host, here: str, config: Training) -> None:
        self._host = host
        self._here = here
        self._config = config
        self._settings = config.settings
        self._trains = self._settings.get("TRAIN.ENABLE") is True
        self._tests = self._settings.get("TEST.ENABLE") is True

    def training(self) -> Training:
        dataset = self._text("TRAIN.DATASET" if self._trains else "TEST.DATASET").lower()
        folder = self._folder(dataset)
        found = msgspec.structs.replace(
            self._config,
            folder=folder,
            files=() if isinstance(folder, Missing) else tuple(self._files(dataset, folder)),
            checkpoints=tuple(self._checkpoints()),
            resumes=self._resumes(),
        )
        if not self._trains:
            return found
        return self._with_items(found, dataset, folder)

    def _text(self, key: str) -> str:
        value = self._settings.get(key)
        return value if isinstance(value, str) else ""

    def _names(self, key: str) -> list[str]:
        value = self._settings.get(key)
        value = value if isinstance(value, list) else [value]
        return [name for name in value if isinstance(name, str) and name]

    def _path(self, *parts: str) -> str:
        return os.path.normpath(os.path.join(self._here, *parts))

    # ---- data -----------------------------------------------------------------------------

    def _folder(self, dataset: str) -> str | Missing:
        key = "AVA.FRAME_LIST_DIR" if dataset == "ava" else "DATA.PATH_TO_DATA_DIR"
        given = any(setting.key == key for setting in self._config.given)
        if not given or not self._text(key):
            return Missing(Why.NOT_ASKED, f"{key} is not set")
        return self._path(self._text(key))

    def _files(self, dataset: str, folder: str) -> list[NeededFile]:
        needed: list[tuple[str, str]] = []
        if dataset == "ava":
            keys = [*(["AVA.TRAIN_LISTS"] if self._trains else []), "AVA.TEST_LISTS"]
            needed += [(key, self._path(folder, name)) for key in keys for name in self._names(key)]
            other = self._path(self._text("AVA.ANNOTATION_DIR"))
            keys = [*(AVA_FILES["train"] if self._trains else ()), *AVA_FILES["always"]]
            needed += [(key, self._path(other, name)) for key in keys for name in self._names(key)]
        elif dataset in (*LISTED, *FRAME_LISTED):
            splits = ["train", "val"] if self._trains else []
            splits += ["test" if dataset in LISTED else "val"] if self._tests else []
            needed += [
                ("DATA.PATH_TO_DATA_DIR", self._path(folder, f"{split}.csv"))
                for split in dict.fromkeys(splits)
            ]
        return [NeededFile(key, path, self._missing(path)) for key, path in needed]

    def _missing(self, path: str) -> Missing | None:
        data = self._host.read_bytes(path, 1)
        return data if isinstance(data, Missing) else None

    def _with_items(self, found: Training, dataset: str, folder: str | Missing) -> Training:
        """With the number of samples of one epoch, and what is odd in the list of videos."""
        if isinstance(folder, Missing):
            return msgspec.structs.replace(found, items=folder)
        if dataset == "ava":
            where = self._path(self._text("AVA.ANNOTATION_DIR"))
            names = self._names("AVA.TRAIN_GT_BOX_LISTS")
            lines, more = self._lines([self._path(where, name) for name in names])
            items = lines if isinstance(lines, Missing) else _key_frames(lines)
            more = more or bool(self._names("AVA.TRAIN_PREDICT_BOX_LISTS"))
            return msgspec.structs.replace(found, items=items, items_more=more)
        if dataset not in (*LISTED, *FRAME_LISTED):
            why = Missing(Why.NOT_ASKED, f"samples of {dataset or 'no data set'} are not counted")
            return msgspec.structs.replace(found, items=why)
        lines, more = self._lines([self._path(folder, "train.csv")])
        if isinstance(lines, Missing):
            return msgspec.structs.replace(found, items=lines)
        if dataset in FRAME_LISTED:
            return msgspec.structs.replace(found, items=_videos(lines), items_more=more)
        separator = self._text("DATA.PATH_LABEL_SEPARATOR").encode()
        fields = [line.count(separator) + 1 if separator else 1 for line in lines]
        return msgspec.structs.replace(
            found,
            items=len(lines),
            items_more=more,
            unsplit=sum(count == 1 for count in fields),
            overfull=sum(count > 3 for count in fields),
        )

    def _lines(self, paths: list[str]) -> tuple[list[bytes] | Missing, bool]:
        """The lines of these files together, and whether some were too long to read whole."""
        lines: list[bytes] = []
        more = False
        for path in paths:
            data = self._host.read_bytes(path, LIST_LIMIT)
            if isinstance(data, Missing):
                return data, False
            more = more or len(data) == LIST_LIMIT
            lines += data.splitlines()
        return lines, more

    # ---- checkpoints ----------------------------------------------------------------------

    def _checkpoints(self) -> list[Checkpoint]:
        train, test = "TRAIN.CHECKPOINT_FILE_PATH", "TEST.CHECKPOINT_FILE_PATH"
        keys = [train] if self._trains or not self._text(test) else []
        keys += [test] if self._tests else []
        looked = []
        for key in keys:
            name = self._text(key)
            if name and not name.startswith(ADDRESS):
                path = self._path(name)
                data = self._host.read_bytes(path, PEEK)
                if isinstance(data, Missing):
                    looked.append(Checkpoint(setting=key, path=path, form=data))
                else:
                    form, layers = read_checkpoint(data)
                    looked.append(Checkpoint(setting=key, path=path, form=form, layers=layers))
        return looked

    def _resumes(self) -> str | Missing | None:
        folder = self._path(self._text("OUTPUT_DIR"), "checkpoints")
        names = self._host.names(folder)
        if isinstance(names, Missing):
            return None if names.why is Why.ABSENT else names
        task = self._text("TASK")
        start = f"{task}_checkpoint" if task else "checkpoint"
        mine = [n for n in names if (start in n if task else n.startswith(start))]
        return os.path.join(folder, mine[-1]) if mine else None


def _videos(lines: list[bytes]) -> int:
    """Different videos in the first column of a frame list, below its header."""
    rows = (line.split(None, 1) for line in lines[1:])
    return len({row[0] for row in rows if row})


def _key_frames(lines: list[bytes]) -> int:
    """Different pairs of video and second among AVA's boxes."""
    valid = {b"%d" % second for second in SECONDS}
    rows = (line.split(b",", 2) for line in lines)
    pairs = ((row[0], row[1].strip().lstrip(b"0")) for row in rows if len(row) == 3)
    return len({pair for pair in pairs if pair[1] in valid})
