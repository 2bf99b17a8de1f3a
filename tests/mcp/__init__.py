"""Tests of the server for coding assistants."""
