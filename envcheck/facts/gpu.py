"""Facts about NVIDIA GPUs, one entry a device. Must not know how they are found."""

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing


class MigInstance(msgspec.Struct, frozen=True, omit_defaults=True):
    uuid: str
    profile: str = ""  # "3g.40gb"
    memory_bytes: int | Missing = NOT_ASKED


class Gpu(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="gpu"
):
    """One NVIDIA GPU. Sizes in bytes, temperature in °C, clocks in MHz."""

    index: int
    name: str | Missing = NOT_ASKED
    uuid: str | Missing = NOT_ASKED
    pci_address: str | Missing = NOT_ASKED  # "0000:3b:00.0"
    pci_id: str | Missing = NOT_ASKED  # "10de:2330"
    sm: str | Missing = NOT_ASKED  # compute capability, "9.0"
    memory_bytes: int | Missing = NOT_ASKED
    memory_used_bytes: int | Missing = NOT_ASKED
    lost: str | None | Missing = NOT_ASKED  # NVML's words when the device no longer answers
    hung: str | None | Missing = NOT_ASKED  # the NVML call that never came back
    mig_enabled: bool | Missing = NOT_ASKED
    mig_instances: tuple[MigInstance, ...] | Missing = NOT_ASKED
    ecc_enabled: bool | Missing = NOT_ASKED
    ecc_uncorrectable: int | Missing = NOT_ASKED  # since the driver was loaded
    ecc_uncorrectable_total: int | Missing = NOT_ASKED  # over the life of the card
    row_remap_pending: bool | Missing = NOT_ASKED
    row_remap_failed: bool | Missing = NOT_ASKED
    throttle_reasons: tuple[str, ...] | Missing = NOT_ASKED  # NVML's names: "hw_thermal_slowdown"
    temperature_c: int | Missing = NOT_ASKED
    pcie_width: int | Missing = NOT_ASKED
    pcie_width_max: int | Missing = NOT_ASKED  # of the slot and the card together
    pcie_gen: int | Missing = NOT_ASKED
    pcie_gen_max: int | Missing = NOT_ASKED
    persistence: bool | Missing = NOT_ASKED


class Gpus(Fact, frozen=True, kw_only=True, tag="gpus"):
    """Every NVIDIA GPU of the machine, in NVML's order where NVML answers. Empty: none here."""

    devices: tuple[Gpu | Missing, ...]

    def known_devices(self) -> tuple[Gpu, ...]:
        return tuple(gpu for gpu in self.devices if isinstance(gpu, Gpu))
