"""torchvision and torchaudio beside torch: pairs, and the CUDA both were built with."""

import pytest

from envcheck.facts import Companion, Snapshot, absent
from tests.rules.machine import change, fires, healthy, not_applicable, passes


def beside(name: str, version: str, cuda: str | None = "12.1", pin: str | None = None) -> Snapshot:
    companion = Companion(
        name=name, version=version, cuda=cuda, torch_pin=pin or absent("not stated")
    )
    return change(healthy(), torch__companions=(companion,))


def test_torchvision_mismatch() -> None:
    found = fires("torchvision_mismatch", beside("torchvision", "0.20.1+cu121", pin="==2.5.1"))
    assert "==2.5.1" in found.message
    assert found.remedy and "torchvision==0.19" in found.remedy.commands[0]
    fires("torchvision_mismatch", beside("torchvision", "0.18.0"))  # by the table of pairs
    passes("torchvision_mismatch", beside("torchvision", "0.19.0+cu121", pin="==2.4.0"))
    passes("torchvision_mismatch", beside("torchvision", "0.19.0"))
    passes("torchvision_mismatch", beside("torchvision", "99.0"))  # unknown is no mismatch
    not_applicable("torchvision_mismatch", beside("torchaudio", "2.4.0"))


def test_torchaudio_mismatch() -> None:
    fires("torchaudio_mismatch", beside("torchaudio", "2.3.0+cu121", pin="==2.3.0"))
    passes("torchaudio_mismatch", beside("torchaudio", "2.4.0+cu121", pin="==2.4.0"))


@pytest.mark.parametrize("cuda", ["11.8", "11", None])
def test_torchvision_cuda_mismatch(cuda: str | None) -> None:
    found = fires("torchvision_cuda_mismatch", beside("torchvision", "0.19.0", cuda))
    assert found.remedy and "/whl/cu121" in found.remedy.commands[0]


@pytest.mark.parametrize("cuda", ["12.1", "12"])
def test_the_same_cuda_is_silent_as_far_as_it_is_known(cuda: str) -> None:
    passes("torchvision_cuda_mismatch", beside("torchvision", "0.19.0", cuda))


def test_rocm_has_no_cuda_to_compare() -> None:
    machine = change(beside("torchvision", "0.19.0", None), torch__cuda=None, torch__hip="6.1")
    not_applicable("torchvision_cuda_mismatch", machine)


def test_torchaudio_cuda_mismatch() -> None:
    fires("torchaudio_cuda_mismatch", beside("torchaudio", "2.4.0+cpu", None))
    passes("torchaudio_cuda_mismatch", beside("torchaudio", "2.4.0+cu121"))
