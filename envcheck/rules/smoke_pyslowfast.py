"""Checks of proofs that were run: PySlowFast. Pure; only `envcheck smoke` runs proofs."""

import re
import shlex
from collections.abc import Iterator

from envcheck.facts import Missing, PythonEnv, TorchBuild, Trial, Trials, or_none
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy, Severity
from envcheck.kb import Knowledge
from envcheck.kb.known_issues import Issue, variant
from envcheck.rules.base import NotApplicable, rule
from envcheck.rules.companion import pair
from envcheck.rules.install import interpreter
from envcheck.rules.smoke import NAMED, NO_NUMBER

OPTIONAL = "repo_optional"  # what imports it swallows its error
SHOWN = 300  # characters of an error's words
_ABSENT = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


@rule("SMK040", severity=ERROR, subject="smoke")
def pyslowfast_incompatible(
    trials: Trials, python: PythonEnv | Missing, torch: TorchBuild | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """This PySlowFast checkout does not go with the packages that are installed.

    Why: its code is older than they are, newer than the released pytorchvideo, or was published
    with imports that only its makers can resolve. The finding names the cause and the patch.

    Confirm: it stops with the same error.

        python tools/run_net.py --help

    Fix: run the finding's command, which changes the checkout or one package.

    Sources: https://github.com/facebookresearch/SlowFast/issues/734
    https://github.com/facebookresearch/SlowFast/issues/752
    https://github.com/facebookresearch/SlowFast/issues/663
    """
    if not _asked(trials):
        raise NotApplicable
    together: dict[str, tuple[Issue, list[Trial]]] = {}
    for trial in _failures(trials):
        issue = None if _package(trial, kb) else _issue(trial, kb)
        if issue is not None:
            together.setdefault(issue.name, (issue, []))[1].append(trial)
    for issue, same in together.values():
        first = same[0]
        yield Finding(
            severity=_severity(same),
            message=f"{_where(first)}{_words(first)} {issue.cause}",
            evidence=tuple(map(_evidence, same)),
            subject=issue.component,
            remedy=_remedy(issue, first, trials, python, torch, kb),
        )


@rule("SMK041", severity=ERROR, subject="smoke")
def pyslowfast_packages_missing(
    trials: Trials, python: PythonEnv | Missing, torch: TorchBuild | Missing, kb: Knowledge
) -> Iterator[Finding]:
    """Packages that PySlowFast imports are not installed.

    Why: every one of them is imported when the training starts, also those that only the demo or
    the data sets use. detectron2 and the head of pytorchvideo are on no index.

    Confirm: it names what fails first.

        python tools/run_net.py --help

    Fix: install all of them at once; torchvision of the release that belongs to this torch.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/INSTALL.md
    """
    if not _asked(trials):
        raise NotApplicable
    absent = {root: t for t in _failures(trials) if (root := _package(t, kb))}
    if not absent:
        return
    names = list(absent)
    one = len(names) == 1
    yield Finding(
        severity=_severity(list(absent.values())),
        message=f"{', '.join(names)} {'is' if one else 'are'} not installed for this Python.",
        evidence=tuple(map(_evidence, absent.values())),
        remedy=_installing(names, python, torch, kb),
    )


@rule("SMK042", severity=ERROR, subject="smoke")
def pyslowfast_fails(trials: Trials, kb: Knowledge) -> Iterator[Finding]:
    """A PySlowFast checkout does not import, build its model or run it, for no known reason.

    Why: the code was changed, the configuration is of another commit, or a package changed in a way
    that is not known here yet.

    Confirm: the same step fails in PySlowFast itself.

        python tools/run_net.py --cfg CONFIG

    Fix: by the error's words; `envcheck explain --log` knows more messages than this proof.

    Sources: https://github.com/facebookresearch/SlowFast/issues
    """
    if not _asked(trials):
        raise NotApplicable
    for trial in _failures(trials):
        if _package(trial, kb) is None and _issue(trial, kb) is None:
            yield Finding(
                severity=_severity([trial]),
                message=f"{trial.name} failed: {_where(trial)}{_words(trial)}",
                evidence=(_evidence(trial),),
                subject=trial.label,
            )


@rule("SMK043", severity=NOTE, subject="smoke")
def pyslowfast_runs_with_stand_ins(trials: Trials) -> Iterator[Finding]:
    """The model ran, with stand-ins for what could not be imported.

    Why: so that one run finds everything, what is missing was replaced by stand-ins that can be
    imported and not called. The model needs none of them: once they are mended it will run.

    Confirm: the other findings name each of them.

    Fix: what the other findings say.

    Sources: https://github.com/facebookresearch/SlowFast/blob/main/INSTALL.md
    """
    if not _asked(trials):
        raise NotApplicable
    for trial in trials.trials:
        if not isinstance(trial, Trial) or trial.check != "repo_forward" or trial.status != "ok":
            continue
        if names := trial.details.get("stand-ins"):
            yield Finding(
                message="The model was built and ran, with stand-ins for what is missing.",
                evidence=(Evidence("stand-ins", names, "envcheck smoke"),),
                subject=trial.label,
            )


def _asked(trials: Trials) -> bool:
    return any(isinstance(t, Trial) and t.check.startswith("repo") for t in trials.trials)


def _failures(trials: Trials) -> Iterator[Trial]:
    """What failed of a checkout, each thing once, and not for a reason that another check names."""
    seen: set[str] = set()
    for trial in trials.trials:
        if not isinstance(trial, Trial) or not trial.check.startswith("repo"):
            continue
        elsewhere = trial.reason in NAMED and trial.reason not in NO_NUMBER
        if trial.status == "failed" and not elsewhere and trial.detail not in seen:
            seen.add(trial.detail)
            yield trial


def _issue(trial: Trial, kb: Knowledge) -> Issue | None:
    """The known problem that a failure most likely is."""
    hits = kb.issues.match(trial.detail)
    return max(hits, key=lambda hit: hit.issue.weight + hit.hints).issue if hits else None


def _package(trial: Trial, kb: Knowledge) -> str | None:
    """The package whose absence a failure is; a module within a package is another matter."""
    found = _ABSENT.match(trial.detail)
    if found is None or "." in found[1]:
        return None
    known = found[1] in kb.pyslowfast.packages or found[1] == "torchvision"
    return found[1] if known or _issue(trial, kb) is None else None


def _severity(trials: list[Trial]) -> Severity:
    return WARNING if all(trial.check == OPTIONAL for trial in trials) else ERROR


def _where(trial: Trial) -> str:
    place = trial.details.get("place")
    within = f", in {trial.details['raised in']}" if trial.details.get("raised in") else ""
    hidden = " (PySlowFast hides this error)" if trial.check == OPTIONAL else ""
    return f"{place}{within}{hidden}: " if place else ""


def _words(trial: Trial) -> str:
    text = " ".join(trial.detail.split())
    text = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return text if text.endswith((".", "…")) else f"{text}."


def _evidence(trial: Trial) -> Evidence:
    return Evidence(trial.name, trial.detail, trial.details.get("place") or "envcheck smoke")


def _remedy(
    issue: Issue,
    trial: Trial,
    trials: Trials,
    python: PythonEnv | Missing,
    torch: TorchBuild | Missing,
    kb: Knowledge,
) -> Remedy:
    about = next(
        (t.details for t in trials.trials if isinstance(t, Trial) and t.check == "repo"), {}
    )
    patch = kb.pyslowfast.patch(issue.id, trial.detail)
    ours = bool(trial.details.get("place")) and not trial.details.get("raised in")
    if patch is not None and (ours or "{repo}" not in patch.commands[0]):
        repo, cfg = (shlex.quote(about.get(name, "")) for name in ("path", "cfg"))
        commands = tuple(
            command.format(repo=repo, cfg=cfg, python=interpreter(python))
            for command in patch.commands
        )
        safe = all("{python}" in command for command in patch.commands)
        return Remedy(patch.text, commands, "safe" if safe else "manual")
    if issue.component == "torchvision" and not isinstance(torch, Missing):
        return pair("torchvision", torch, python, kb)
    chosen = variant(issue, _versions(python)) or issue
    commands = tuple(
        re.sub(r"^python(?= )", lambda _: interpreter(python), command)
        for command in chosen.commands
    )
    return Remedy(chosen.fix, commands, chosen.safety)


def _versions(python: PythonEnv | Missing) -> dict[str, str]:
    if isinstance(python, Missing):
        return {}
    found = {dist.name: dist.version for dist in or_none(python.distributions) or ()}
    version = or_none(python.version)
    return {**found, "python": version} if version else found


def _installing(
    names: list[str], python: PythonEnv | Missing, torch: TorchBuild | Missing, kb: Knowledge
) -> Remedy:
    pip = f"{interpreter(python)} -m pip install"
    plain: list[str] = []
    alone: list[str] = []
    unknown = []
    for name in names:
        row = kb.pyslowfast.packages.get(name)
        if row is not None and row.alone:
            plain += row.first
            alone.append(f"{pip} {row.alone} {row.install}")
        elif row is not None:
            plain.append(row.install)
        elif name == "torchvision" and not isinstance(torch, Missing):
            alone[:0] = pair(name, torch, python, kb).commands
        else:
            unknown.append(name)
    together = " ".join(shlex.quote(part) for part in dict.fromkeys(plain))
    commands = ([f"{pip} {together}"] if together else []) + alone
    text = "Install what is missing" + (
        f", and what brings {', '.join(unknown)}." if unknown else "."
    )
    return Remedy(text, tuple(commands), "safe")
