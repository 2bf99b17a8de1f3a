"""What can go wrong between here and a package index: an OSError, so exit code 3 like any other."""


class WebError(OSError):
    """A server cannot be reached, or its answer is of no use. The text names no credentials."""


class Gone(WebError):
    """The server says that there is no such page or file."""


class Dropped(WebError):
    """The answer broke off, or the server asks for patience: asking again may help."""


class NoRanges(WebError):
    """The server sends whole files only; `size` in bytes, None when it does not say."""

    def __init__(self, text: str, size: int | None) -> None:
        super().__init__(text)
        self.size = size
