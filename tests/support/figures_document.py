"""The tables of figures in `docs/analytics.md`: `python -m tests.support.figures_document` writes them anew."""

from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "analytics.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"


def parts() -> tuple[str, str, str]:
    """What is before the tables, the tables, and what is after them."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    tables, _, after = rest.partition(END)
    return before, tables, after


if __name__ == "__main__":
    # Those who only read the document shall not depend on what writes it.
    from analytics_query.decisions.reports.catalogue import to_markdown

    before, _, after = parts()
    DOCUMENT.write_text(f"{before}{BEGIN}{to_markdown()}\n{END}{after}")
