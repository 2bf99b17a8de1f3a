#!/bin/sh
# Slurm's HealthCheckProgram and Prolog: a node that is unfit is drained, with the finding as reason.
#
#     slurm.conf:  HealthCheckProgram=/etc/slurm/envcheck-node.sh
#                  HealthCheckInterval=300
#                  Prolog=/etc/slurm/envcheck-node.sh      # also before each job
#
# What the node has to be is in ENVCHECK_POLICY (TOML), where there is one. Only what was judged
# drains: an unusable policy or a missing envcheck is said on stderr, slurmd's log, and changes
# nothing, or a typo would empty the cluster.
# slurmd gives a health check no PATH, or a short one.
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENVCHECK=${ENVCHECK:-/opt/envcheck/bin/envcheck}
ENVCHECK_POLICY=${ENVCHECK_POLICY:-/etc/envcheck/node.toml}
node=${SLURMD_NODENAME:-$(hostname -s)}

# The whole node is judged, not what a job was given of it.
unset CUDA_VISIBLE_DEVICES

set -- "--select=${ENVCHECK_SELECT:-DRV,GPU}" --format=nagios
if [ -f "$ENVCHECK_POLICY" ]; then
    set -- preflight "--policy=$ENVCHECK_POLICY" "$@"
else
    set -- doctor "$@"
fi
# The line of a monitoring plug-in has the worst finding first; slurmd kills after 60 seconds.
said=$(timeout -k 5 45 "$ENVCHECK" "$@" 2>&1)
case $said in
"ENVCHECK OK: "* | "ENVCHECK WARNING: "*) exit 0 ;;
"ENVCHECK CRITICAL: "*) ;;
*)
    printf 'envcheck on %s: %s\n' "$node" "${said:-nothing said within 45 seconds}" >&2
    exit 0
    ;;
esac

reason=${said#ENVCHECK CRITICAL: }
reason=$(printf 'envcheck: %.200s' "${reason%% | *}")
# A node that is drained already keeps its reason, whoever gave it.
state=$(timeout 10 scontrol --oneliner show node "$node" | sed -n 's/.* State=\([^ ]*\).*/\1/p')
case $state in
*DRAIN*) ;;
*) timeout 10 scontrol update "NodeName=$node" State=DRAIN "Reason=$reason" ;;
esac
# The health check's own exit code stays 0, or a starting slurmd would wait for ever; a prolog that
# fails sends the job back to the queue.
[ -z "${SLURM_JOB_ID:-}" ]
