"""Addresses of repositories as they may be shown, logged and kept: without who may read them, by which password."""

import re

from contracts.key_formats import MASK

# A secret of HTTP may stand in the user's place; elsewhere the user (`ssh://git@host`) belongs to the address.
_HTTP = re.compile(r"(?:(?<=http)|(?<=https))://[^\s/?#]*@", re.IGNORECASE)
_PASSWORD = re.compile(r"(://[^\s/?#:@]*):[^\s/?#]*@")
# A password with a slash in it that nobody has escaped: what follows the colon is no port. Bounded, to stay linear.
_BROKEN = re.compile(r"://[^\s/?#:@]{0,512}:(?!\d*[/?#])[^\s/?#@]{0,512}[/?#][^\s]{0,512}@")


def without_credentials(text: str) -> str:
    """A text with the credentials of every address in it cut out."""
    if "@" not in text:
        return text
    return _BROKEN.sub("://", _PASSWORD.sub(r"\1@", _HTTP.sub("://", text)))


def masked_credentials(text: str) -> str:
    """The same with a mask in their place, so that one sees that there were some."""
    if "@" not in text:
        return text
    mask = f"://{MASK}@"
    return _BROKEN.sub(mask, _PASSWORD.sub(rf"\1:{MASK}@", _HTTP.sub(mask, text)))
