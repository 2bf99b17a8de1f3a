#!/bin/sh
# Judges this machine, leaves what was found for node_exporter's textfile collector, and ends with
# envcheck's exit code. envcheck.service starts it, with the name that the metrics shall bear.
set -eu
report=$RUNTIME_DIRECTORY/$1.json
code=0
# shellcheck disable=SC2086 # words of a command
"$ENVCHECK" $ENVCHECK_COMMAND --format json --output "$report" || code=$?
# Where nothing was judged the old file stays, and grows old: node_textfile_mtime_seconds tells.
[ "$code" -ne 2 ] || exit 2
# Moved into place: half a file must not be read.
"$ENVCHECK" fleet "$report" --format prometheus --exit-zero >"$TEXTFILES/.envcheck.prom" || exit 2
mv "$TEXTFILES/.envcheck.prom" "$TEXTFILES/envcheck.prom"
exit "$code"
