"""Tests of the remedies' plan and of what carries it out."""
