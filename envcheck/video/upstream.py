"""The configurations that PySlowFast publishes, and what each really holds.

Must not know the live machine, nor how names are read.
"""

from functools import lru_cache
from pathlib import Path, PurePosixPath

import msgspec

DATA = Path(__file__).parent / "data/configs.json"


class Config(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One configuration, defaults filled in. Sizes in pixels, rates in frames of the video."""

    path: str  # in PySlowFast's repository
    arch: str  # MODEL.ARCH
    model_name: str  # MODEL.MODEL_NAME: the class that is built
    frames: int  # of the clip; the fast pathway's, where there are two
    rate: int | None = None  # None: images
    slow_frames: int | None = None
    slow_rate: int | None = None
    alpha: int | None = None  # fast frames for each slow one
    depth: int | None = None  # of the ResNet
    mvit_depth: int | None = None  # blocks of the transformer
    reversible: bool = False
    nonlocal_blocks: bool = msgspec.field(default=False, name="nonlocal")
    res4_temporal: tuple[int, ...] = ()  # blocks of res4 with a temporal kernel, slow and fast
    dataset: str  # TRAIN.DATASET
    num_classes: int
    batch_size: int | None = None  # None: not set, PySlowFast's default holds
    num_gpus: int
    max_epoch: int | None = None
    lr_policy: str | None = None
    train_crop: int
    test_crop: int
    checkpoint_type: str
    checkpoint_inflate: bool = False
    multigrid: bool = False
    sync_bn_devices: int | None = None
    trains: bool = True  # TRAIN.ENABLE
    checkpoint_urls: tuple[str, ...] = ()
    clip_means: str = ""  # what TxS in the name is: "clip", "slow" pathway, "wrong"; "": none there
    fault: str = ""  # why it cannot be loaded as it is published

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).stem


class _File(msgspec.Struct, frozen=True):
    source: str
    checked: str
    configs: tuple[Config, ...]


@lru_cache
def configs() -> tuple[Config, ...]:
    """Every published configuration, sorted by path."""
    return msgspec.json.decode(DATA.read_bytes(), type=_File).configs


def called(name: str, folders: tuple[str, ...] = ()) -> tuple[Config, ...]:
    """Those of that name; where `folders` are given, those that share most of them from the end."""
    same = [config for config in configs() if config.name.casefold() == name.casefold()]
    shared = [_shared(config, folders) for config in same]
    return tuple(c for c, n in zip(same, shared, strict=True) if n == max(shared))


def _shared(config: Config, folders: tuple[str, ...]) -> int:
    own = PurePosixPath(config.path).parent.parts
    count = 0
    for a, b in zip(reversed(own), reversed(folders), strict=False):
        if a.casefold() != b.casefold():
            break
        count += 1
    return count
