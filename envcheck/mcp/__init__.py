"""envcheck for coding assistants: its questions as read-only tools of the Model Context Protocol.

Must not write anything, and run nothing that a caller names.
"""
