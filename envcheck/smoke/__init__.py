"""Proofs that run, each in a child process with a time limit. Must not know rules or rendering."""
