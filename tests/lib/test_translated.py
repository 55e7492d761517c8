"""Composed texts, as plain text and as HTML with the language of each part."""

from django.template import Context, Template

from ticketshop.lib.translated import Composed, StandIn, compose, joined

GERMAN = StandIn("Gans & Gar", "de")


def drawn(source: str, **values) -> str:
    return Template(source).render(Context(values))


def test_composed_text_marks_only_the_parts_that_stand_in():
    made = compose("“%(title)s” – %(number)d of 2, <%(name)s>", title=GERMAN, number=1, name="Ann & Bob")
    assert made == "“Gans & Gar” – 1 of 2, <Ann & Bob>"
    assert drawn("{{ made }}", made=made) == (
        '“<span lang="de">Gans &amp; Gar</span>” – 1 of 2, &lt;Ann &amp; Bob&gt;'
    )


def test_text_without_a_stand_in_stays_a_plain_one():
    made = compose("%(name)s, 100%%", name="Ann")
    assert (made, type(made)) == ("Ann, 100%", str)


def test_composed_text_is_a_part_of_another_one_and_takes_a_colon():
    heading = joined(" – ", ["50%", GERMAN, "3 July"])
    assert isinstance(heading, Composed)
    whole = compose("Copy from “%(heading)s”", heading=heading)
    assert drawn("{{ whole|colon }}", whole=whole) == (
        'Copy from “50% – <span lang="de">Gans &amp; Gar</span> – 3 July”:'
    )
    assert drawn(
        "{% load i18n %}{% blocktranslate %}See {{ heading }}{% endblocktranslate %}", heading=heading
    ) == ('See 50% – <span lang="de">Gans &amp; Gar</span> – 3 July')
    assert drawn("{{ title|in_its_language }}", title=GERMAN) == '<span lang="de">Gans &amp; Gar</span>'
