"""Checks of the versions that a plan leaves open. Pure."""

from collections.abc import Iterator

from envcheck.facts import known, or_none
from envcheck.facts.plan import Plan
from envcheck.finding import NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.kb import Knowledge
from envcheck.kb.pep440 import within
from envcheck.rules.base import rule
from envcheck.rules.plan import planned_torch


@rule("PLN005", severity=WARNING, subject="plan")
def package_left_open(plan: Plan, kb: Knowledge) -> Iterator[Finding]:
    """A package without an upper bound will come in a version that does not go with this torch.

    Why: an installer takes the newest version that the plan allows. NumPy 2 under a torch compiled
    for NumPy 1 is the commonest case.

    Confirm: ask what would be installed.

        python -m pip install --dry-run -r requirements.txt

    Fix: bound it as the message says.

    Sources: https://packaging.python.org/en/latest/specifications/version-specifiers/
    """
    torch = planned_torch(plan)
    version = known(torch.version)
    by_name = {one.name: one for one in plan.wanted}
    for guard in kb.packages.guards_for("torch", version):
        one = by_name.get(guard.package)
        if guard.scope != "run" or guard.platform == "windows" or one is None or one.locked:
            continue
        if guard.installer not in (None, one.installer) or isinstance(one.version, str):
            continue  # an exact version is judged by the check that bears the guard's name
        if not _lets_in(one.specifier, guard.breaks):
            continue
        yield Finding(
            message=f"{one.name}{one.specifier} lets in {guard.package}{guard.breaks}; with torch"
            f" {version} {guard.what}.",
            evidence=(
                Evidence(one.name, one.specifier or "any version", one.where),
                Evidence("torch", version, torch.where),
            ),
            remedy=Remedy(f'Write "{guard.package}{guard.pin}".'),
            links=(guard.source,),
        )


@rule("PLN006", severity=NOTE, subject="plan")
def torch_left_open(plan: Plan) -> Iterator[Finding]:
    """The plan does not say which torch.

    Why: the same file then gives another torch, CUDA and list of GPUs at each build, and one day
    one that the machines' driver does not serve.

    Confirm: the evidence names the version that would come today.

    Fix: pin torch and its companions, with the index of the CUDA variant.

    Sources: https://pytorch.org/get-started/locally/
    """
    torch = planned_torch(plan)
    if torch.locked or torch.specifier.startswith("=="):
        return
    version = known(torch.version)
    cuda = or_none(torch.cuda)
    with_cuda = f" for CUDA {cuda}" if cuda else ""
    yield Finding(
        message=f"torch{torch.specifier or ' without a version'} is another one at each build;"
        f" today it is {version}{with_cuda}.",
        evidence=(Evidence("torch", torch.specifier or "any version", torch.where),),
        remedy=Remedy(f'Write "torch=={version}".'),
    )


def _lets_in(specifier: str, breaks: str) -> bool:
    """Whether a specifier allows the first or the newest of the versions that break."""
    first = breaks.partition(",")[0].lstrip("<>=!~ ")
    return not specifier or within("99999", specifier) or within(first, specifier)
