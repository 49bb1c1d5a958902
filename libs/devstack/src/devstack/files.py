"""Files that are never seen half written."""

import os
from pathlib import Path


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace the content of `path`; a reader sees the old text or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.touch(mode=mode)
    new.write_text(text)
    new.replace(path)
