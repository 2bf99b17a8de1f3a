"""What is asked of a machine: files and expressions become a typed Policy.

Must not know probes, rules or printing.
"""
