"""Pasted text → facts: reports, tables, lists and messages. A paste is data, half of it missing.

Must not know the live machine, the rules or how anything is printed.
"""
