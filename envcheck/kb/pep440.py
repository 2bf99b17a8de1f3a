"""Python package versions against specifiers. Imports packaging late, for doctor's start-up."""


def within(version: str | None, specifier: str) -> bool:
    """Whether a version ("2.4.0+cu121") lies in a specifier (">=2.3,<2.5"); the local part is
    left out of account. An unreadable version lies in none.
    """
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    if version is None:
        return False
    try:
        public = Version(version).public
    except InvalidVersion:
        return False
    return SpecifierSet(specifier).contains(public, prereleases=True)
