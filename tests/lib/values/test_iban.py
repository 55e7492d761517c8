"""IBANs are normalised, and invalid ones are refused with a reason."""

import pytest

from ticketshop.lib.values import iban

PLAIN = "CH9300762011623852957"


@pytest.mark.parametrize(
    "pasted",
    [
        "CH93 0076 2011 6238 5295 7",
        "CH93\u00a00076\u00a02011\u00a06238\u00a05295\u00a07",
        "ch93-0076-2011-6238-5295-7",
        "IBAN: CH93 0076 2011 6238 5295 7",
        "IBAN CH930076\u20112011\u200b623852957",
    ],
)
def test_any_grouping_case_and_prefix_is_one_iban(pasted):
    assert iban.normalise(pasted) == PLAIN
    assert iban.problem(pasted) == ""
    assert iban.grouped(pasted) == "CH93 0076 2011 6238 5295 7"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("CH93 0076 2011 6238 5295 8", "check digits do not fit"),
        ("CH93 0076 2011 6238 5295", "has 21 characters; this one has 20"),
        ("CH44 3199 9123 0008 8901 2", "QR-IBAN"),
        ("12-345678-9", "begins with two letters"),
        ("CH93 0076 2011 6238 529ö 7", "only letters and digits"),
    ],
)
def test_what_a_bank_refuses_is_refused_with_its_reason(typed, reason):
    assert reason in iban.problem_as_payee(typed)
    # The IBAN of another account than the payee's may be a QR-IBAN.
    assert (iban.problem(typed) == "") is (reason == "QR-IBAN")
