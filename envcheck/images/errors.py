"""What can be wrong with an image."""

from envcheck.errors import UsageError


class ImageError(UsageError):
    """The image cannot be read: damaged, hostile, or of a kind that is not known."""
