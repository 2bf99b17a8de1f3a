"""Rules about the operating system's limits."""

from envcheck.facts import NOT_ASKED
from envcheck.finding import Effect
from tests.rules.machine import change, fires, healthy, passes, skips
from tests.rules.places import in_docker

MIB = 1 << 20


def test_a_container_with_the_default_shm() -> None:
    finding = fires("shm_too_small", in_docker(host__shm_bytes=64 * MIB))
    assert "64 MiB" in finding.message
    assert finding.remedy is not None and "--shm-size" in finding.remedy.text
    pod = in_docker(host__shm_bytes=64 * MIB, container__runtime="kubernetes")
    assert "emptyDir" in str(fires("shm_too_small", pod).remedy)


def test_a_container_with_shm_enough() -> None:
    passes("shm_too_small", in_docker(host__shm_bytes=1024 * MIB))


def test_half_of_a_small_machines_memory_is_as_it_should_be() -> None:
    passes("shm_too_small", change(healthy(), host__shm_bytes=240 * MIB))


def test_a_tiny_one_outside_a_container_is_mounted_again() -> None:
    machine = change(healthy(), host__shm_bytes=1 * MIB)
    finding = fires("shm_too_small", machine)
    assert finding.remedy is not None
    assert finding.remedy.commands == ("sudo mount -o remount,size=50% /dev/shm",)
    assert finding.remedy.effects == (Effect("host.shm_bytes", 256 << 30),)


def test_another_root_has_no_shm() -> None:
    skips("shm_too_small", change(healthy(), host__shm_bytes=NOT_ASKED))
