"""Tests of container images judged from their files."""
