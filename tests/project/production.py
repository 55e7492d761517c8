"""Read the commands and SQL statements that the production page tells people to copy."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "ticketshop" / "docs" / "production.md"
# The statements that PostgreSQL 17 brought.
MAINTAIN_SINCE = 170000


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of this language, in order."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def statements(*containing: str, version: int) -> list[str]:
    """Return the SQL statements of the page that contain one of these texts and that a server of this version takes."""
    found = [
        line
        for block in blocks("sql")
        for line in block.splitlines()
        if any(text in line for text in containing) and (version >= MAINTAIN_SINCE or "MAINTAIN" not in line)
    ]
    assert found, containing
    return found
