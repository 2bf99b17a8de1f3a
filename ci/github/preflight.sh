#!/usr/bin/env bash
# Runs envcheck preflight for action.yml and hands its outputs to the runner. envcheck itself writes
# the annotations and the job's summary. Every input comes as a variable, never as part of a script.
set -euo pipefail

case $ENVCHECK_FORMAT in
markdown) suffix=md ;;
junit) suffix=xml ;;
text) suffix=txt ;;
*) suffix=$ENVCHECK_FORMAT ;;
esac
report=$RUNNER_TEMP/envcheck-report.$suffix
rm -f "$report"

options=(--format="$ENVCHECK_FORMAT" --output="$report")
[[ -z $ENVCHECK_POLICY ]] || options+=(--policy="$ENVCHECK_POLICY")
[[ -z $ENVCHECK_PYTHON ]] || options+=(--python="$ENVCHECK_PYTHON")
while read -r line; do
    line=${line%$'\r'}
    [[ -z $line ]] || options+=(--require="$line")
done <<<"$ENVCHECK_REQUIRE"
# xargs takes quotes apart as a shell does, and expands nothing
words=$(xargs -r -n1 printf '%s\n' <<<"$ENVCHECK_ARGS") || {
    echo "::error title=envcheck::args: a quote is not closed"
    exit 2
}
[[ -z $words ]] || mapfile -t more <<<"$words"

said=$RUNNER_TEMP/envcheck-said.txt
code=0
"$RUNNER_TEMP/envcheck/bin/envcheck" preflight "${options[@]}" ${more+"${more[@]}"} |
    tee "$said" || code=${PIPESTATUS[0]}

[[ -f $report ]] || report=
{
    echo "verdict=$(sed -nE 's/^(fit|unfit|unknown): .*/\1/p' "$said" | tail -n 1)"
    echo "exit-code=$code"
    echo "report=$report"
} >>"$GITHUB_OUTPUT"
((code != 2)) || echo "::error title=envcheck::Nothing was judged: the step's log says why"
exit "$code"
