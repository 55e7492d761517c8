"""Countries: their ISO codes, names in a language, neighbours, and lists for choices."""

from functools import lru_cache

from babel import Locale
from django.utils.translation import get_language

from .text import fold

# Codes of the CLDR that are no countries or territories: unions, regions, placeholders.
NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})


@lru_cache(maxsize=8)
def names(language: str) -> dict[str, str]:
    """Return ISO code (two letters) -> name in ``language`` (such as "fr"), from the Unicode CLDR."""
    territories = Locale.parse(language[:2]).territories
    return {
        code: name
        for code, name in territories.items()
        if len(code) == 2 and code.isalpha() and code not in NOT_COUNTRIES
    }


def named(code: str) -> str:
    """Return the name of a country in the active language; the code itself if it is unknown."""
    return names(get_language() or "en").get(code, code)


def sort_key(name: str) -> str:
    """Return the key by which names of countries are sorted, without regard to accents."""
    return fold(name)


# Neighbours in Europe by land.
NEIGHBOURS = {
    "AD": "ES FR", "AL": "GR ME MK XK", "AT": "CH CZ DE HU IT LI SI SK", "BA": "HR ME RS", "BE": "DE FR LU NL",
    "BG": "GR MK RO RS TR", "BY": "LT LV PL RU UA", "CH": "AT DE FR IT LI", "CZ": "AT DE PL SK",
    "DE": "AT BE CH CZ DK FR LU NL PL", "DK": "DE SE", "EE": "FI LV RU", "ES": "AD FR PT", "FI": "EE NO RU SE",
    "FR": "AD BE CH DE ES IT LU MC", "GB": "IE", "GR": "AL BG MK TR", "HR": "BA HU ME RS SI", "HU": "AT HR RO RS SI SK UA",
    "IE": "GB", "IT": "AT CH FR SI SM VA", "LI": "AT CH", "LT": "BY LV PL RU", "LU": "BE DE FR",
    "LV": "BY EE LT RU", "MC": "FR", "MD": "RO UA", "ME": "AL BA HR RS XK", "MK": "AL BG GR RS XK",
    "NL": "BE DE", "NO": "FI RU SE", "PL": "BY CZ DE LT RU SK UA", "PT": "ES", "RO": "BG HU MD RS UA",
    "RS": "BA BG HR HU ME MK RO XK", "SE": "DK FI NO", "SI": "AT HR HU IT", "SK": "AT CZ HU PL UA", "SM": "IT",
    "TR": "BG GR", "UA": "BY HU MD PL RO RU SK", "VA": "IT", "XK": "AL ME MK RS",
}  # fmt: skip


# Countries without postcodes (Universal Postal Union), and Ireland, where many people leave it out.
WITHOUT_POSTCODE = frozenset(
    "AE AG AO AW BF BI BJ BO BS BW BZ CD CF CG CI CK CM CW DJ DM ER FJ GA GD GH GM GQ GY HK IE JM KI KM KN KP LC "
    "ML MO MR MW NR NU QA RW SB SC SL SR ST SX SY TD TF TG TK TL TO TV TZ UG VU YE ZW".split()
)


def choices(language: str, home: str = "") -> list[tuple[str, str]]:
    """Return all countries as (code, name): ``home`` and its neighbours first, the others by name."""
    named = names(language)
    near = [home, *sorted(NEIGHBOURS.get(home, "").split(), key=lambda code: sort_key(named.get(code, "")))]
    first = [code for code in near if code in named]
    others = sorted(named.keys() - set(first), key=lambda code: sort_key(named[code]))
    return [(code, named[code]) for code in [*first, *others]]
