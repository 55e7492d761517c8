"""Normal form for storing, folded form for comparing, normal form of e-mail addresses."""

import unicodedata

import idna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketshop.lib.values import text

ANY = st.characters(exclude_categories=["Cs"])
# The signs that are folded away, taken out or joined, more often than chance would have them.
ODD = st.sampled_from(
    " \t\r\n\x00\x0b\u00a0\u00ad\u0301\u0308\u061c\u200b\u200d\u2028\u202e\u2060'´-_.eEßſİıΣςŒœÅÆ℡ﬁ１"
)
LINES = st.text(ANY | ODD, max_size=40)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Jean   Pierre ", "Jean Pierre"),
        ("one\r\ntwo", "one two"),
        ("a\tb\u00a0c\u2028d", "a b c d"),
        ("Mu\u0308ller", "Müller"),
        ("ab\u202edc\u202c", "abdc"),  # a right-to-left override can't turn the line around it
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("esc\x1b[31m\x07", "esc[31m"),
        ("👩\u200d👧", "👩\u200d👧"),  # the joiner inside an emoji is part of what was typed
        ("a \u200b b", "a b"),  # nothing is left between the spaces
        ("e\u200b\u0301", "é"),
        ("\u061cright-to-left\u00ad", "right-to-left"),
        ("\u200e \u2066", ""),
        ("half an emoji \ud83c", "half an emoji"),
    ],
)
def test_one_line_as_stored(typed, stored):
    assert text.normalise_line(typed) == stored


@given(LINES)
def test_a_stored_line_is_one_line_and_stays_what_it_is(typed):
    stored = text.normalise_line(typed)
    assert stored == text.normalise_line(stored)
    assert stored == stored.strip()
    assert len(stored.splitlines()) <= 1
    assert not {unicodedata.category(char) for char in stored} & {"Cc", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ŁUKASZ", "lukasz"),
        ("Straße", "STRASSE"),
        ("Øresund", "oresund"),
        ("Æsop Œuvre", "aesop oeuvre"),
        ("Işık İpek", "isik ipek"),
        ("O’Connor", "OConnor"),
        ("O´Connor", "O'Connor"),
        ("℡", "tel"),
        ("Jean-Pierre", "jean pierre"),
        ("Müller", "Mu\u0308ller"),
        ("Παπαδόπουλος", "ΠΑΠΑΔΟΠΟΥΛΟΣ"),  # a sigma at the end of a word is another letter
        ("ﬁn de siècle", "FIN DE SIECLE"),
        ("１２", "12"),
    ],
)
def test_equal_names_fold_to_the_same_text(one, other):
    assert text.fold(one) == text.fold(other) != ""


def test_different_names_stay_different_when_folded():
    assert len({text.fold(name) for name in ("Anna", "Hanna", "Ana", "Anne")}) == 4


@given(LINES)
def test_folding_twice_is_folding_once(typed):
    once = text.fold(typed)
    assert text.fold(once) == once
    assert text.fold_words(once) == text.fold_words(typed)


@pytest.mark.parametrize(
    ("typed", "compared"),
    [
        (" Bob@Example.ORG ", "bob@example.org"),
        ("A.B+tickets@example.org", "a.b+tickets@example.org"),
        ("a@Exämple.ORG", "a@xn--exmple-cua.org"),
        ("a@xn--EXMPLE-cua.org", "a@xn--exmple-cua.org"),
        ("a@ＥＸＡＭＰＬＥ.org", "a@example.org"),
        ("\u200eeve@example.org\u202c", "eve@example.org"),
        ("a@b..c", "a@b..c"),  # no address, yet nothing breaks
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_an_address_as_compared(typed, compared):
    assert text.normalise_email(typed) == compared
    assert text.normalise_email(compared) == compared


@pytest.mark.parametrize(
    "typed", ["mıke@example.org", "MİKE@example.org", "ｍike@example.org", "mike@exarnple.org"]
)
def test_addresses_that_only_look_alike_stay_apart(typed):
    assert text.normalise_email("MIKE@example.org") == "mike@example.org"
    assert text.normalise_email(typed) != "mike@example.org"


@settings(max_examples=20)
@given(st.emails())
def test_an_ordinary_address_is_its_own_lower_case(address):
    assert text.normalise_email(f" {address} ") == address.lower()


def test_digits_are_the_ascii_ones():
    assert text.digits("+41 (0)79 123-45-67") == "410791234567"
    assert text.digits("٣ x") == ""


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("0", 0), ("007", 7), ("999", 999), ("1000", None), ("", None), (None, None), ("-1", None), ("+1", None),
        ("1.0", None), (" 1", None), ("٣", None), ("²", None), ("1e2", None), ("\x00", None),
    ],
)  # fmt: skip
def test_a_number_in_a_text_is_ascii_digits_and_not_too_long(typed, number):
    assert text.number_in(typed, digits=3) == number


@pytest.mark.parametrize(
    "domain",
    ["Example.ORG", "a-b.ch", "xn--fa-hia.de", "ab--c.ch", "-a.ch", "a-.ch", "a..ch", "a.ch.", "\u212a.ch", "a_b.ch", "", "x" * 64,
     f"{'a' * 63}.ch", ".".join(["a" * 62] * 4), ".".join(["a" * 63] * 4)],
)  # fmt: skip
def test_domain_in_ascii_is_that_of_the_library_for_idna(domain):
    try:
        expected = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").lower()
    except idna.IDNAError:
        expected = ""
    assert text.ascii_domain(domain) == expected
