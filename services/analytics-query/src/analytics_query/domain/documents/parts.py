"""What the parts of a document are made of."""

from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel


class Part(BaseModel):
    """A part of a document. It is changed in place, and is the same whatever the order of the events."""


class Value(NamedTuple):
    """A value with its place in the attempt: of two the larger is the newer, by `seq` first."""

    seq: int
    at: datetime
    value: float
