"""Conda channels: which has a torch release, and that their rows agree with the other tables."""

from envcheck.kb import Knowledge, load, order

KB: Knowledge = load()


def test_the_vendor_channel_ended_with_2_5() -> None:
    assert KB.channels.vendor("2.5.1", "12.4", "linux-x86_64")
    assert KB.channels.vendor("2.6.0", "12.4", "linux-x86_64") is None
    assert KB.channels.vendor("2.5.1", "12.4", "linux-aarch64") is None


def test_before_pytorch_cuda_only_some_cuda_versions_are_there() -> None:
    old = KB.channels.vendor("1.12.1", "11.6", "linux-x86_64")
    assert old and old.pin == "cudatoolkit={cuda}"
    assert KB.channels.vendor("1.11.0", "11.5", "linux-x86_64") is None


def test_conda_forge_gives_the_nearest_cuda_of_the_same_major() -> None:
    def cudas(torch: str, cuda: str) -> list[str]:
        return [row.cuda for row in KB.channels.forge(torch, cuda, "linux-x86_64")]

    assert cudas("2.7.1", "12.6") == ["12.6", "12.9"]
    assert cudas("2.7.1", "12.8") == ["12.9", "12.6"]
    assert cudas("2.13.0", "13.2") == ["13.0"]
    assert cudas("2.7.1", "11.8") == [] == cudas("2.4.0", "12.1")


def test_conda_forge_rows_pair_what_was_made_for_each_other() -> None:
    for build in KB.builds:
        for row in KB.channels.forge(build.torch, build.cuda or "0", build.platform):
            assert row.torchvision and row.sass and row.python
            # conda-forge pairs by minor release: 0.22.0 goes with every 2.7.
            pair = KB.torch.pair("torchvision", build.torch)
            assert pair and order(pair)[:2] == order(row.torchvision)[:2]
            assert row.torchaudio in (None, build.torch)
