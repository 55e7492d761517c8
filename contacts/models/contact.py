"""The contact: a person as one organiser knows them."""

import re
import uuid

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Count, ExpressionWrapper, F, Func, Q, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from contacts import profile_fields
from ticketshop.lib.areas import PROFILE
from ticketshop.lib.personal import (
    CONTACT,
    RETENTION,
    Erase,
    Expiry,
    LastUse,
    NotPersonal,
    Unlink,
    erase,
    not_personal,
)
from ticketshop.lib.values.email_addresses import ModelEmailField
from ticketshop.lib.values.phones import searched
from ticketshop.lib.values.text import fold_words
from ticketshop.organisers.models import Organiser


class WordQuery(SearchQuery):
    """A full-text query: each typed word must be the beginning of a word of the contact, or some digits of its phone.

    The SQL function ``contact_query`` folds the query in the same way as ``contact_words`` folded the column.
    """

    def __init__(self, text: str, *, is_word: bool = False):
        """``is_word``: the text is one word of a search, which is no phone number although it may be digits."""
        text = f"{text}," if is_word else searched(text)
        super().__init__(text)
        self.function = "contact_query"
        self.set_source_expressions([Value(text, output_field=models.TextField())])


# Contacts that a search looks at in the order of names, first and then; how many of the first must match for the second look;
# how many matches are more than a page of a list shows; how many of the first make a word a frequent one.
FIRST_LOOK, SECOND_LOOK, SECOND_FROM, PAGE, FREQUENT = 500, 5000, 3, 100, 10
# Texts of these characters have the same words in SQL as in Python.
_LATIN = re.compile("[ -\u024f\u2019]*")
_MOST_WORDS = 8


class _NotIndexed(Func):
    """A column in an expression that no index serves: a sort key to sort by, or words to compare on rows found otherwise."""

    def __init__(self, column: str, empty: str):
        super().__init__(F(column), template=f"(%(expressions)s || {empty})")


def _words_of(text: str) -> list[str]:
    """Return the words that a search consists of; empty if it is a single word, a phone number, or too long."""
    words = list(dict.fromkeys(fold_words(text))) if _LATIN.fullmatch(text) else []
    is_several = 1 < len(words) <= _MOST_WORDS and not all(word.isdigit() for word in words)
    return words if is_several and all(word.isascii() and word.isalnum() for word in words) else []


# The order of the index ``contact_sorted``.
_BY_NAME = ("organiser_id", "sort_key", "pk")


class ContactQuerySet(models.QuerySet):
    """Queries of contacts."""

    def search(self, text: str) -> "ContactQuerySet":
        """Return the contacts that match all typed words, as ``WordQuery`` describes; all of them for an empty text.

        Searched are name, company, e-mail address, number and phone; accents have no influence.
        """
        text = text.replace("\x00", "").strip()
        return self.filter(search=WordQuery(text[:200])) if text else self

    def search_for_page(self, text: str) -> "ContactQuerySet":
        """Return what ``search`` returns, in the order of names, for a list that shows the first ones. At most two queries more.

        PostgreSQL cannot tell a frequent beginning of a word from a rare one. For both it would read the contacts in the
        order of names until it has a page: of a rare name it would read a million. So this looks at the first names whether
        they fill a page. If not, the contacts are found by the index of words, and then sorted. The index is asked for the
        rare words only: it reads a frequent one, such as the end of an e-mail address, for all contacts.
        """
        text = text.replace("\x00", "").strip()[:200]
        if not text:
            return self.order_by(*_BY_NAME)
        whole, words = WordQuery(text), [WordQuery(word, is_word=True) for word in _words_of(text)]
        number, *numbers = self._matches_among(FIRST_LOOK, [whole, *words])
        if PAGE >= number >= SECOND_FROM:
            (number,) = self._matches_among(SECOND_LOOK, [whole])
        if number > PAGE:
            return self.search(text).order_by(*_BY_NAME)
        rare = [word for word, frequency in zip(words, numbers, strict=True) if frequency < FREQUENT]
        found = self
        if rare and len(rare) < len(words):
            found = found.alias(words=_NotIndexed("search", "''::tsvector")).filter(words=whole)
        else:
            rare = [whole]
        for query in rare:
            found = found.filter(search=query)
        return found.order_by("organiser_id", _NotIndexed("sort_key", "''"), "pk")

    def _matches_among(self, most: int, queries: list[WordQuery]) -> list[int]:
        """Return for each query how many of the first ``most`` contacts in the order of names match it. One query."""
        found = {
            f"found_{number}": ExpressionWrapper(Q(search=query), output_field=models.BooleanField())
            for number, query in enumerate(queries)
        }
        first = self.order_by(*_BY_NAME).annotate(**found).values("pk", *found)[:most]
        numbers = first.aggregate(
            **{f"number_{name}": Count("pk", filter=Q(**{name: True})) for name in found}
        )
        return list(numbers.values())

    def known(self) -> "ContactQuerySet":
        """Return the contacts that are neither erased nor being erased: only these are found and can get new rows."""
        return self.filter(erasing_at=None)

    def sorted(self) -> "ContactQuerySet":
        """Return the contacts by last name and first name, without regard to case and accents."""
        return self.order_by("sort_key", "pk")


class Contact(models.Model):
    """The data of a person, or an organisation, at one organiser: name, addresses, profile. Orders belong to a contact.

    The columns that describe the person are listed in ``contacts.profile_fields``.
    """

    class Kind(models.TextChoices):
        INDIVIDUAL = "individual", _("person")
        STRUCTURE = "structure", _("organisation")

    class CreatedVia(models.TextChoices):
        GUEST_ORDER = "guest_order", _("order as a guest")
        ACCOUNT = "account", _("visitor’s account")
        BACK_OFFICE = "back_office", _("back office")
        FRIENDS_FAMILY = "friends_family", _("friends and family")
        IMPORT = "import", _("import")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    number = models.CharField(_("number"), max_length=12, null=True, editable=False)
    subject_uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.INDIVIDUAL)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    email = ModelEmailField(_("e-mail address"), null=True, blank=True)
    email_key = models.CharField(max_length=254, blank=True, editable=False)
    company = models.CharField(_("company"), max_length=200, blank=True)
    phone = models.CharField(
        _("phone"), max_length=20, blank=True, help_text=_("With the country code, such as +41 79 123 45 67.")
    )
    street = models.CharField(_("street and number"), max_length=160, blank=True)
    postcode = models.CharField(_("postcode"), max_length=12, blank=True)
    city = models.CharField(_("town"), max_length=80, blank=True)
    country = models.CharField(
        _("country"), max_length=2, blank=True, validators=[RegexValidator(r"^[A-Z]{2}$")]
    )
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    language = models.CharField(
        _("language of e-mails"), max_length=5, blank=True, choices=settings.LANGUAGES
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="contacts",
        verbose_name=_("log-in"),
    )
    # The person was asked, and wants e-mails at another address than that of the log-in.
    email_kept = models.BooleanField(default=False, editable=False)
    email_verified_at = models.DateTimeField(_("address proved"), null=True, blank=True)
    created_via = models.CharField(_("added through"), max_length=16, choices=CreatedVia)
    created_at = models.DateTimeField(_("created"))
    claimed_at = models.DateTimeField(_("claimed"), null=True, blank=True)
    blocked_at = models.DateTimeField(_("blocked"), null=True, blank=True)
    purge_after = models.DateField(_("erased after"), null=True, blank=True)
    # While erasing_at is set, the contact can't order, be edited, merged or found. erased_at follows when no column is
    # deferred any more.
    erasing_at = models.DateTimeField(_("being erased since"), null=True, blank=True, editable=False)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True, editable=False)
    # End of the last reason to defer columns; null if it has no date, or if none is deferred.
    erasing_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Generated by the database from other columns, so that they are always up to date, and empty after an erasure.
    sort_key = models.GeneratedField(
        expression=Func(
            F("last_name"),
            Value(" "),
            F("first_name"),
            function="contact_sort_key",
            output_field=models.TextField(),
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    search = models.GeneratedField(
        expression=Func(
            F("first_name"),
            F("last_name"),
            F("email"),
            F("number"),
            F("phone"),
            F("company"),
            function="contact_words",
            output_field=SearchVectorField(),
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ContactQuerySet.as_manager()
    organiser_path = "organiser"

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        permissions = [
            ("erase_contact", _("Can erase a contact and everything that identifies it")),
            ("merge_contact", _("Can join two contacts that are one person")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organiser", "number"], name="contact_number_once"),
            models.UniqueConstraint(
                fields=["organiser", "user"], condition=Q(user__isnull=False), name="contact_once_per_user"
            ),
            # Target of composite foreign keys of other tables: a row and its contact belong to the same organiser.
            models.UniqueConstraint(fields=["organiser", "id"], name="contact_in_organiser"),
        ]
        indexes = [
            GinIndex(fields=["search"], name="contact_search", fastupdate=False),
            models.Index(fields=["organiser", "sort_key", "id"], name="contact_sorted"),
            models.Index(
                fields=["organiser", "email_key"], name="contact_by_email", condition=~Q(email_key="")
            ),
        ]

    class Personal:
        person = CONTACT
        subject = {"pk": CONTACT}
        area = PROFILE
        withheld = {"email_key": _("the address again, as we compare it")}
        copy_context = ("kind", "created_via", "created_at")
        code_labels = dict.fromkeys(profile_fields.COUNTRIES, "ticketshop.lib.values.countries.named")
        last_used = {"pk": ("created_at", "user__last_login")}
        expiry = (
            Expiry(
                RETENTION,
                "purge_after",
                where=Q(user=None),
                setting="unclaimed_purge_days",
                promise=ngettext_lazy(
                    "If somebody else added you and you never came yourself: %(number)d day.",
                    "If somebody else added you and you never came yourself: %(number)d days.",
                    "number",
                ),
            ),
            # Not counted while a parent has the contact in friends and family.
            Expiry(
                RETENTION,
                LastUse(),
                unit=365,
                where=~Q(links_as_child__status__in=("pending", "active")),
                setting="customer_years",
                promise=ngettext_lazy(
                    "At the latest %(number)d year after you last ordered, came or logged in.",
                    "At the latest %(number)d years after you last ordered, came or logged in.",
                    "number",
                ),
            ),
        )
        columns = {
            # A person who holds a ticket, or owes money, must be reached until that is over.
            **erase(*profile_fields.to_erase(deferrable=True), "email_key", deferred_with="pk"),
            **erase(
                *profile_fields.to_erase(deferrable=False),
                "email_verified_at",
                "claimed_at",
                "blocked_at",
                "purge_after",
            ),
            "number": Erase(),
            "user": Unlink(),
            "subject_uuid": NotPersonal(
                "random, never derived and never reused; receipts of erasure name it"
            ),
            "sort_key": NotPersonal("generated by the database from erased columns"),
            "search": NotPersonal("generated by the database from erased columns"),
            **not_personal("says how the row came to be", "kind", "created_via", "created_at"),
            **not_personal("when the contact was erased", "erasing_at", "erased_at", "erasing_until"),
        }

    def __str__(self):
        # No name: this text gets into logs and tracebacks.
        return self.number or f"#{self.pk}"

    @property
    def full_name(self) -> str:
        """First name and last name; empty if both are."""
        return f"{self.first_name} {self.last_name}".strip()
