#!/usr/bin/env bash
# Installs envcheck for action.yml, into a folder of its own: the job's environment is what will be
# examined, and stays as it is.
set -euo pipefail

package=${ENVCHECK_PACKAGE:-$GITHUB_ACTION_PATH}
venv=$RUNNER_TEMP/envcheck

fail() {
    echo "::error title=envcheck::$1"
    exit 2
}

if command -v uv >/dev/null; then
    uv venv --quiet --no-project --clear --python '>=3.10' "$venv" || fail "uv found no Python 3.10 or newer"
    uv pip install --quiet --python "$venv/bin/python" "$package"
else
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        fail "envcheck needs uv, or a python3 of 3.10 or newer: put actions/setup-python before this step"
    python3 -m venv --clear "$venv" || fail "python3 -m venv does not work here: install python3-venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$package"
fi
