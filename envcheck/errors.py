"""The one error that reaches the user as a sentence and an exit code."""


class UsageError(Exception):
    """Wrong usage or unusable input: exit code 2, one sentence, no traceback."""


EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_UNCHECKABLE = 3
