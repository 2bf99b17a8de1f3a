"""From findings to what mends them: planned on paper, run on request, judged again.

Must not print; commands are those that the remedies hold.
"""
