"""Searching and sorting contacts, by generated columns that are always up to date."""

import re

import pytest
from django.db import connection
from hypothesis import strategies as st

from contacts.models import Contact
from contacts.models.contact import PAGE
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory
from tests.properties import holds_for
from ticketshop.lib.values.text import fold_words

pytestmark = pytest.mark.django_db


def sql(expression: str, *values):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression}", values)
        return cursor.fetchone()[0]


@pytest.fixture
def people():
    organiser = OrganiserFactory()
    rows = [
        ("Łukasz", "Müller-Straße", "lukasz.m@example.org", "+41791234567"),
        ("Zoë", "O’Connor", "zoe+tickets@exämple.example", "+33612345678"),
        ("Anna Maria", "Παπαδόπουλος", None, ""),
        ("李", "小龙", "bruce@example.net", "+85212345678"),
    ]
    return [
        ContactFactory(organiser=organiser, first_name=first, last_name=last, email=email, phone=phone)
        for first, last, email, phone in rows
    ]


FOUND = [
    # The beginning of any word, accents or not, in any order.
    ("luk", [0]),
    ("ŁUKASZ", [0]),
    ("strasse", [0]),
    ("straße müll", [0]),
    ("zoe", [1]),
    ("Zoë oconnor", [1]),
    ("o'connor", [1]),
    ("maria", [2]),
    ("ΠΑΠΑΔΟΠΟΥΛΟΣ", [2]),
    ("李", [3]),
    ("小", [3]),
    # Not the middle of a word, and every word counts.
    ("kasz", []),
    ("lukasz connor", []),
    # Addresses, whole or by their beginning.
    ("lukasz.m@example.org", [0]),
    ("zoe+tickets", [1]),
    ("bruce@", [3]),
    # Any run of phone digits, as people write them.
    ("+41 79 123 45 67", [0]),
    ("0041791234567", [0]),
    ("079 123 45 67", [0]),
    ("(0)79/123-45", [0]),
    ("+41 (0)79 123 45 67", [0]),
    ("2345", [0, 1, 3]),
    ("06 12 34", [1]),
    ("99999", []),
    # Both at once.
    ("lukasz 4567", [0]),
    ("müller 0791234567", [0]),
    ("müller 0612345678", []),
    # Characters with a meaning in query languages and LIKE are words like others, or ignored.
    ("%", []),
    ("_", []),
    ("' OR 1=1 --", [0]),  # a word beginning with “or”, and digits beginning with 1
    ("' OR 8=8 --", []),
    ("luk:* | zoe", []),
    ("luk & !zoe", []),
    ("\\", []),
    ("luk\x00asz", [0]),
    ("luk" + " " * 500 + "asz", [0]),
]


def test_search_finds_contacts_by_words_numbers_and_phones(people):
    for typed, found in FOUND:
        expected = {people[index] for index in found}
        assert set(Contact.objects.search(typed)) == expected, typed
        assert set(Contact.objects.search_for_page(typed)) == expected, typed


@pytest.fixture
def many(people):
    """More people of one first name and one domain than a page shows, beside ``people``."""
    for number in range(PAGE + 5):
        contact = ContactFactory(
            organiser=people[0].organiser,
            first_name="Ann",
            last_name=f"Buyer {number:03}",
            phone="",
            email=f"ann{number:03}@example.org",
        )
        # A random customer number may begin with the digits that a test looks for.
        Contact.objects.filter(pk=contact.pk).update(number=f"HHHH-H{number:03}")
    return Contact.objects.filter(organiser=people[0].organiser)


def test_page_of_a_frequent_name_is_read_in_the_order_of_names_and_of_a_rare_one_by_the_index(people, many):
    frequent, rare = many.search_for_page("ann"), many.search_for_page("zoe")

    assert [contact.last_name for contact in frequent[:2]] == ["Buyer 000", "Buyer 001"]
    assert frequent.count() == PAGE + 6  # Anna Maria
    assert list(rare) == [people[1]]
    # The index of names can't serve an expression.
    assert "(sort_key || ''" in rare.explain()
    assert "(sort_key || ''" not in frequent.explain()


def test_rare_words_are_searched_by_the_index_and_frequent_ones_compared_on_what_it_found(many):
    for typed, frequent, found in [
        ("lukasz.m@example.org", ("example", "org"), ["Müller-Straße"]),
        ("ann 077", ("ann",), ["Buyer 077"]),
        ("ann077@example.org", ("example", "org"), ["Buyer 077"]),
        ("ann example zoe", ("ann", "example"), []),
    ]:
        matching = many.search_for_page(typed)
        assert [contact.last_name for contact in matching] == found
        by_index = re.findall(r'"search" @@ \(?contact_query\(([^)]*)', str(matching.query))
        assert by_index, typed
        assert not any(word in query for word in frequent for query in by_index), typed


def test_search_looks_at_more_names_only_if_some_of_the_first_match(many, django_assert_num_queries):
    for typed, looks in [("ann", 1), ("zoe", 1), ("anna", 1), ("buyer 01", 2)]:
        with django_assert_num_queries(looks, info=typed):
            many.search_for_page(typed)


@pytest.mark.parametrize("typed", ["", "   ", "\x00"])
def test_search_without_a_word_returns_all_contacts(people, typed):
    assert Contact.objects.search(typed).count() == len(people)
    assert Contact.objects.search_for_page(typed).count() == len(people)


def test_search_finds_a_number_by_its_beginning_with_or_without_the_hyphen(people):
    wanted = people[0]
    number = wanted.number
    for typed in (number, number.lower(), number.replace("-", ""), number[:6]):
        assert list(Contact.objects.search(typed)) == [wanted], typed
    Contact.objects.filter(pk=wanted.pk).update(number="3467-4967")
    assert list(Contact.objects.search("3467-4967")) == [wanted]
    assert list(Contact.objects.search("34674967")) == [wanted]


def test_generated_columns_follow_changes_made_in_sql(people):
    Contact.objects.filter(pk=people[0].pk).update(last_name="Álvarez", phone="")
    assert list(Contact.objects.search("alva")) == [people[0]]
    assert not Contact.objects.search("strasse").exists()
    assert people[0] not in Contact.objects.search("2345")
    people[0].refresh_from_db()
    assert people[0].sort_key == "alvarez lukasz"


def test_contacts_sort_by_name_without_regard_to_case_accents_and_signs():
    organiser = OrganiserFactory()
    names = [
        "d'Arc",
        "Darby",
        "Ébert",
        "ebner",
        "Eck",
        "Łaski",
        "Lasko",
        "Ödön",
        "Zürn",
        "van Dyk",
        "Van-Dyke",
    ]
    for name in reversed(names):
        ContactFactory(organiser=organiser, first_name="", last_name=name)
    expected = [
        "Darby",
        "d'Arc",
        "Ébert",
        "ebner",
        "Eck",
        "Łaski",
        "Lasko",
        "Ödön",
        "van Dyk",
        "Van-Dyke",
        "Zürn",
    ]
    assert [contact.last_name for contact in Contact.objects.sorted()] == expected


def test_search_uses_the_index(people):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = Contact.objects.search("luk").explain()
    assert "contact_search" in plan


@pytest.mark.usefixtures("people")
@holds_for(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30), few=40)
def test_search_accepts_any_text(typed):
    list(Contact.objects.search(typed)[:1])
    list(Contact.objects.search_for_page(typed)[:1])


@pytest.mark.parametrize(
    "label", ["faß", "münchen", "日本", "пример", "bücher-straße", "αβγς", "ñandú", "a", "ü", "ä" * 40, "𝒳y"]
)
def test_sql_function_decodes_the_punycode_of_a_domain(label):
    encoded = label.encode("punycode").decode()
    assert sql("contact_punycode(%s)", encoded) == label


@pytest.mark.parametrize(
    "text", ["", "-", "--", "a-", "9", "999999999999", "a-é", "zzzzzzzzzzzzzzzzzzzz", "xn--", "-.-"]
)
def test_sql_function_leaves_invalid_punycode_as_it_is(text):
    assert isinstance(sql("contact_punycode(%s)", text), str)
    assert sql("contact_words('Ada', NULL, %s, NULL, NULL) IS NOT NULL", f"a@xn--{text}.example")


def test_search_finds_a_contact_by_either_form_of_its_domain():
    contact = ContactFactory(email="a@faß.strasse.example")
    ContactFactory(email="b@other.example")
    assert contact.email == "a@xn--fa-hia.strasse.example"
    for typed in (
        "faß", "fass", "Faß.example", "a@faß.example", "A@FASS", "xn--fa-hia", "a@xn--fa-hia.example", "straße",
    ):  # fmt: skip
        assert list(Contact.objects.search(typed)) == [contact], typed


# Letters of the scripts that the shop's languages use; others are compared as typed.
ALPHABETS = "".join(
    char
    for start, end in (
        (0x41, 0x250),
        (0x370, 0x530),
        (0x5D0, 0x5EB),
        (0x620, 0x64B),
        (0x671, 0x6D4),
        (0x1E00, 0x2000),
    )
    for char in map(chr, range(start, end))
    if char.isalpha()
)


FOLDED_AWAY = "\u0300\u0301\u0308'’`´·ʻʼʾʿʹ′‵ꞌ＇\u05b0\u05f3\u0640\u064e\u0651\u0670"


def test_letters_fold_in_sql_as_in_python():
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT letter, regexp_split_to_array(contact_fold('a' || letter || 'b'), '[^[:alnum:]]+')
            FROM unnest(%s::text[]) AS letter
            """,
            [list(ALPHABETS)],
        )
        rows = cursor.fetchall()
    assert len(rows) > 1000
    assert [(char, folded) for char, folded in rows if folded != fold_words(f"a{char}b")] == []


@holds_for(st.text(st.sampled_from(ALPHABETS + FOLDED_AWAY + " -.,;:0123456789"), max_size=30), few=100)
def test_texts_have_the_same_words_in_sql_as_in_python(text):
    words = sql("contact_words(%s, NULL, NULL, NULL, NULL)::text", text)
    assert set(re.findall(r"'([^']+)'", words)) == set(fold_words(text))
