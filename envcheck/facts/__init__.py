"""Frozen, typed machine facts: one file a subject. Must not know how a fact is found or judged."""

from envcheck.facts.base import (
    NOT_ASKED,
    Fact,
    Missing,
    Unknown,
    Why,
    absent,
    blocked,
    failed,
    known,
    or_none,
)
from envcheck.facts.container import Container
from envcheck.facts.cuda import Compiler, Cuda, Toolkit
from envcheck.facts.dataset import Dataset, Odd, Part
from envcheck.facts.driver import DeviceNode, DkmsBuild, Driver, FabricManager
from envcheck.facts.extension import CompiledFile, DamagedFile, Extension, Extensions
from envcheck.facts.ffmpeg import Ffmpeg, FfmpegBuild
from envcheck.facts.gpu import Gpu, Gpus, MigInstance
from envcheck.facts.host import Disk, Environment, Host
from envcheck.facts.loader import Library, Loader
from envcheck.facts.policy import Clause, Ignore, Override, Policy, Requirement
from envcheck.facts.python_env import Distribution, PythonEnv
from envcheck.facts.snapshot import (
    FACT_NAMES,
    SCHEMA_VERSION,
    Purpose,
    Snapshot,
    SnapshotError,
    decode,
    encode,
    merge,
)
from envcheck.facts.symptom import Symptom, Symptoms
from envcheck.facts.torch import CodeLibrary, Companion, Pin, TorchBuild
from envcheck.facts.training import Checkpoint, NeededFile, Repeat, Setting, Training, YamlTag
from envcheck.facts.trial import Trial, Trials

__all__ = [
    "FACT_NAMES",
    "NOT_ASKED",
    "SCHEMA_VERSION",
    "Checkpoint",
    "Clause",
    "CodeLibrary",
    "Companion",
    "CompiledFile",
    "Compiler",
    "Container",
    "Cuda",
    "DamagedFile",
    "Dataset",
    "DeviceNode",
    "Disk",
    "Distribution",
    "DkmsBuild",
    "Driver",
    "Environment",
    "Extension",
    "Extensions",
    "FabricManager",
    "Fact",
    "Ffmpeg",
    "FfmpegBuild",
    "Gpu",
    "Gpus",
    "Host",
    "Ignore",
    "Library",
    "Loader",
    "MigInstance",
    "Missing",
    "NeededFile",
    "Odd",
    "Override",
    "Part",
    "Pin",
    "Policy",
    "Purpose",
    "PythonEnv",
    "Repeat",
    "Requirement",
    "Setting",
    "Snapshot",
    "SnapshotError",
    "Symptom",
    "Symptoms",
    "Toolkit",
    "TorchBuild",
    "Training",
    "Trial",
    "Trials",
    "Unknown",
    "Why",
    "YamlTag",
    "absent",
    "blocked",
    "decode",
    "encode",
    "failed",
    "known",
    "merge",
    "or_none",
]
