"""Countries by their two letters, named in a language; sorted without regard to accents."""

from functools import lru_cache

from babel import Locale

from .text import fold

# What the CLDR names besides countries and territories: unions, regions, placeholders.
NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})


@lru_cache(maxsize=8)
def names(language: str) -> dict[str, str]:
    """Two letters -> the country's name in ``language`` (such as "fr"), from the Unicode CLDR."""
    found = Locale.parse(language[:2]).territories
    return {
        code: name
        for code, name in found.items()
        if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES
    }


def sort_key(name: str) -> str:
    return fold(name)
