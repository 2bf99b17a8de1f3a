"""Container images as files: an OCI layout or a `docker save` archive becomes a root to examine.

Needs no container engine, runs nothing, and writes below its own cache only.
"""
