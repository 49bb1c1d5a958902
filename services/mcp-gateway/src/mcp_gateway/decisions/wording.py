"""Values as a person reads them."""


def shorten(value: object, length: int) -> str:
    """A value as text of at most `length` characters."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"
