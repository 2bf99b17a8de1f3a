"""Tests of the ready-made steps: action.yml, ci/ and .pre-commit-hooks.yaml."""
