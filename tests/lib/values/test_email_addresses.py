"""E-mail addresses are normalised for storing, comparing and searching; addresses that no mail reaches are refused."""

import pytest
from django.core.exceptions import ValidationError

from ticketshop.lib.values import text
from ticketshop.lib.values.email_addresses import EmailField, check_email, searched_email


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        # IDNA 2008 keeps ß and the last sigma, which IDNA 2003 turned into ss and a common sigma.
        ("a@faß.example", "a@xn--fa-hia.example"),
        ("a@FASS.example", "a@fass.example"),
        ("a@straße.de", "a@xn--strae-oqa.de"),
        ("a@ΑΒΓς.gr", "a@xn--mxacd4d.gr"),
        # One domain typed in many ways.
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
        ("a@MÜNCHEN.DE", "a@xn--mnchen-3ya.de"),
        ("a@mu\u0308nchen.de", "a@xn--mnchen-3ya.de"),
        ("a@XN--MNCHEN-3ya.de", "a@xn--mnchen-3ya.de"),
        ("a@日本。jp", "a@xn--wgv71a.jp"),
        ("a@сайт.рф", "a@xn--80aswg.xn--p1ai"),
        ("a@ｅｘａｍｐｌｅ．org", "a@example.org"),
        # No domain names: compared as they are, in lower case.
        ("a@exa_mple.org", "a@exa_mple.org"),
        ("a@I❤.ws", "a@i❤.ws"),
        ("a@B..c", "a@b..c"),
        ("a@" + "ä" * 100_000, "a@" + "ä" * 100_000),
    ],
)
def test_email_address_is_normalised(typed, form):
    assert text.normalise_email(typed) == form
    assert text.normalise_email(form) == form


def test_two_domains_that_idna_2003_confused_are_two():
    assert text.normalise_email("a@faß.example") != text.normalise_email("a@fass.example")


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("a@xn--fa-hia.example", "a@faß.example"),
        ("a@xn--mnchen-3ya.de", "a@münchen.de"),
        ("a@example.org", "a@example.org"),
        ("a@xn--.de", "a@xn--.de"),
        ("", ""),
    ],
)
def test_people_read_a_domain_with_its_own_letters(form, read):
    assert text.readable_email(form) == read


GOOD = [
    "bob@example.org", " Bob@Example.ORG ", "o'brien+tickets@example.org", "a@faß.example", "a@münchen.de",
    "a@日本.jp", "owner@theatre.example", "x@y.museum", "a.b-c_d@sub.example.co.uk",
    f"{'a' * 64}@example.org", "user@xn--mnchen-3ya.de",
]  # fmt: skip
BAD = [
    "bob", "bob@", "@example.org", "a@b", "bob@@example.org", "bob@example.org.", "bob@exa mple.org", "a@b..org",
    "kurt@localhost", "kurt@LOCALHOST", "kurt@[127.0.0.1]", "kurt@[::1]", "kurt@127.0.0.1", "kurt@10.0.0.25",
    "kurt@printer.local", "kurt@x.localhost", "kurt@x.onion", "kurt@x.invalid", "a@exa_mple.org", "a@i❤.ws",
    f"{'a' * 65}@example.org", f"{'a' * 75}@example.org", "j❤@example.org", "用 户@example.org",
    "a@-example.org", f"a@{'b' * 64}.org", f"a@{'.'.join(['äöüéèàçñø' * 4] * 6)}.example", "a@xn--fuss-.de",
    "bob@example.org, carol@example.org", "<bob@example.org>", "bob@example.org\nBcc: x@example.org",
    "a" * 100_000 + "@x.ch", "bob\x00@example.org", "bob\x07@example.org", "bob\t@example.org",
]  # fmt: skip


@pytest.mark.parametrize("typed", GOOD)
def test_an_address_that_mail_reaches_is_accepted_in_its_one_form(typed):
    assert EmailField().clean(typed) == text.normalise_email(typed)


@pytest.mark.parametrize("typed", BAD)
def test_an_address_that_no_mail_reaches_is_refused(typed):
    with pytest.raises(ValidationError):
        EmailField().clean(typed)


@pytest.mark.parametrize("typed", ["jörg@example.org", "用户@example.org", "mıke@example.org"])
def test_letters_before_the_at_are_accepted_where_mail_can_carry_them(settings, typed):
    settings.EMAIL_SMTPUTF8 = True
    assert EmailField().clean(f" {typed} ") == typed
    settings.EMAIL_SMTPUTF8 = False
    with pytest.raises(ValidationError, match="before the @"):
        EmailField().clean(typed)


def test_refused_address_has_an_explanation(settings):
    settings.EMAIL_SMTPUTF8 = False
    with pytest.raises(ValidationError, match="a letter such as “ö” before the @"):
        check_email("jörg@example.org")
    with pytest.raises(ValidationError, match="Mails from outside don’t reach this address"):
        check_email("kurt@[127.0.0.1]")


def test_a_field_shows_the_letters_again():
    field = EmailField()
    assert field.prepare_value("a@xn--fa-hia.example") == "a@faß.example"
    assert not field.has_changed("a@xn--fa-hia.example", "a@faß.example")
    assert field.has_changed("a@xn--fa-hia.example", "a@fass.example")


def test_what_is_typed_into_a_search_is_looked_for_as_it_is_stored():
    assert searched_email("A@Faß.example") == "a@xn--fa-hia.example"
    assert searched_email(" grace ") == "grace"
