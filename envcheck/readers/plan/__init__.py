"""Files that say what will be installed → a `Draft`, line by line.

Must not know this machine; other files are read through the function that is handed over.
"""
