"""The Ansible roles, played on real root file systems with a fixture apt repository."""
