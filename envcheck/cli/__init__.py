"""The commands: one file each, options in, one call, one render. No logic lives here."""
