"""The tests see the same command line wherever they run."""

import os

# Inside GitHub Actions a report has annotations and fills the summary of the job: tests must not.
for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
    os.environ.pop(name, None)
