"""Many snapshots: groups, outliers, findings with their machines, drift.

Must not know how snapshots were collected (Ansible's verify.yml does it) nor how they are printed.
"""
