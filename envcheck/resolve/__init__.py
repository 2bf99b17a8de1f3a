"""From GPUs, driver and Python, real or what-if, to the torch build that fits, and its command.

`request` says what is wanted, `judge` ranks every build for it, `install` writes the commands,
`advice` says what would help when nothing fits; `whatif`, `here` and `published` serve
`envcheck compat`. Must not know rules; only `here` knows probes.
"""
