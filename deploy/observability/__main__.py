"""`python -m deploy.observability` writes all that is generated; with `--check` it only says what is not up to date."""

import sys

from deploy.observability.generated import ROOT, generated


def main(arguments: list[str]) -> int:
    """Write the files, or look at them; the exit code."""
    stale = [path for path, text in generated().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date: run `make observability`")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(generated()[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
