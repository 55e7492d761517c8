"""Directed links between two contacts of one organiser: parent -> child. What the child may do is a second link."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from ticketshop.lib.areas import CONNECTIONS
from ticketshop.lib.personal import (
    ADDRESS_HASH,
    CONTACT,
    RETENTION,
    SUPPRESSION,
    About,
    Author,
    DeleteRow,
    Expiry,
    KeepRow,
    erase,
    not_personal,
)
from ticketshop.lib.values.email_addresses import ModelEmailField
from ticketshop.organisers.models import Organiser, PointOfSale

from .contact import Contact


def any_kind() -> list[str]:
    """Return all kinds of contacts: the default of ``LinkType``. Migrations import it."""
    return list(Contact.Kind.values)


class LinkType(models.Model):
    """The relation of two contacts, such as child and parent. Permissions are on the link and do not depend on the type."""

    FRIENDS_FAMILY = "friends_family"

    code = models.SlugField(_("code"), max_length=30, unique=True)
    label_parent_to_child = models.CharField(_("the child is the parent's …"), max_length=60)
    label_child_to_parent = models.CharField(_("the parent is the child's …"), max_length=60)
    parent_kinds = ArrayField(
        models.CharField(max_length=12, choices=Contact.Kind),
        default=any_kind,
        verbose_name=_("the parent may be"),
    )
    child_kinds = ArrayField(
        models.CharField(max_length=12, choices=Contact.Kind),
        default=any_kind,
        verbose_name=_("the child may be"),
    )
    reserved = models.BooleanField(_("used by the shop itself"), default=False)
    active = models.BooleanField(_("may be chosen"), default=True)

    class Meta:
        verbose_name = _("link type")
        verbose_name_plural = _("link types")
        ordering = ["pk"]

    class Personal:
        columns = not_personal(
            "words for kinds of links",
            "code",
            "label_parent_to_child",
            "label_child_to_parent",
            "parent_kinds",
            "child_kinds",
        )

    def __str__(self):
        return self.label_parent_to_child


class ContactLink(models.Model):
    """The link parent -> child. A link that ends stays as a row with an end; adding the child again makes a new row."""

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting for an answer")
        ACTIVE = "active", _("connected")
        DECLINED = "declined", _("declined")
        ENDED = "ended", _("ended")

    class Permission(models.TextChoices):
        NONE = "none", _("nothing")
        ASSIGN = "assign", _("choose for tickets")
        VIEW = "view", _("see tickets")
        MANAGE = "manage", _("see tickets and correct the names on them")

    class Origin(models.TextChoices):
        SHOP = "shop", _("shop")
        BACK_OFFICE = "back_office", _("back office")
        IMPORT = "import", _("import")

    class ConsentBy(models.TextChoices):
        CHILD = "child", _("the person")
        GUARDIAN = "guardian", _("a guardian")
        OPERATOR = "operator", _("staff, on paper or by phone")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    parent = models.ForeignKey(
        Contact, on_delete=models.PROTECT, related_name="links_as_parent", verbose_name=_("parent")
    )
    child = models.ForeignKey(
        Contact, on_delete=models.PROTECT, related_name="links_as_child", verbose_name=_("child")
    )
    type = models.ForeignKey(LinkType, on_delete=models.PROTECT, related_name="+", verbose_name=_("type"))
    status = models.CharField(_("status"), max_length=10, choices=Status)
    # What the parent may do for the child. The opposite direction is a second link.
    permission_parent = models.CharField(
        _("the parent may"), max_length=8, choices=Permission, default=Permission.ASSIGN
    )
    # The name as the parent typed it: without more permission the parent sees nothing else of the child.
    entered_first_name = models.CharField(_("first name as entered"), max_length=100, blank=True)
    entered_last_name = models.CharField(_("last name as entered"), max_length=100, blank=True)
    # The typed address, normalised. The parent's list shows this one, so that it does not show whose address it is.
    entered_email = ModelEmailField(_("e-mail address as entered"), blank=True)
    # Only of a child without an e-mail address. It stays when the child gets an account.
    entered_birth_date = models.DateField(_("date of birth as entered"), null=True, blank=True)
    origin = models.CharField(_("made in"), max_length=12, choices=Origin)
    origin_pos = models.ForeignKey(
        PointOfSale,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("point of sale"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("made by"),
    )
    started_at = models.DateTimeField(_("since"))
    # The status that undoing the end restores.
    status_before_end = models.CharField(max_length=10, blank=True)
    ended_at = models.DateTimeField(_("until"), null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("ended by"),
    )
    end_reason = models.CharField(_("reason of the end"), max_length=20, blank=True)
    consent_at = models.DateTimeField(_("agreed"), null=True, blank=True)
    consent_by = models.CharField(_("agreed by"), max_length=10, choices=ConsentBy, blank=True)
    consent_reason = models.CharField(_("how staff know"), max_length=240, blank=True)
    consent_text_version = models.PositiveSmallIntegerField(null=True, blank=True)

    organiser_path = "organiser"
    OPEN = ("pending", "active")

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        constraints = [
            models.CheckConstraint(condition=~Q(parent=F("child")), name="link_not_to_oneself"),
            models.UniqueConstraint(
                fields=["parent", "child", "type"],
                condition=Q(status__in=["pending", "active"]),
                name="link_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "active"]) | Q(ended_at__isnull=False),
                name="link_end_has_instant",
            ),
        ]
        indexes = [
            models.Index(fields=["parent", "status"], name="link_of_parent"),
            models.Index(fields=["child", "status"], name="link_of_child"),
        ]

    class Personal:
        subject = {"parent": CONTACT, "child": CONTACT}
        area = CONNECTIONS
        copy_context = ("type", "status", "permission_parent", "started_at", "ended_at")
        withheld = dict.fromkeys(
            ("entered_first_name", "entered_last_name", "entered_email", "entered_birth_date"),
            About("child", _("what you typed about the other person is theirs")),
        ) | {"consent_reason": About("child", _("what staff noted about the other person is theirs"))}
        goes_with = dict.fromkeys(
            ("entered_email", "entered_birth_date", "consent_reason"),
            ("entered_first_name", "entered_last_name"),
        )
        columns = {
            "parent": DeleteRow(),
            "child": DeleteRow(),
            **erase(
                "entered_first_name",
                "entered_last_name",
                "entered_email",
                "entered_birth_date",
                "consent_reason",
            ),
            "created_by": Author(),
            "ended_by": Author(),
            **not_personal(
                "what became of a link",
                "status",
                "permission_parent",
                "origin",
                "started_at",
                "ended_at",
                "end_reason",
                "status_before_end",
                "consent_at",
                "consent_by",
                "consent_text_version",
            ),
        }

    def __str__(self):
        return f"#{self.pk}"

    @property
    def entered_name(self) -> str:
        """The child's first and last name as the parent typed them."""
        return f"{self.entered_first_name} {self.entered_last_name}".strip()

    @property
    def typed_by_parent(self) -> bool:
        """Whether the parent typed the child's name; False if staff made the link between two known contacts."""
        return self.origin == self.Origin.SHOP

    @property
    def name_is_parents(self) -> bool:
        """Whether the parent may see the child's name: the parent typed it, or the link is or was active."""
        return self.typed_by_parent or self.Status.ACTIVE in (self.status, self.status_before_end)

    @property
    def is_parents_own(self) -> bool:
        """Whether the child is known only by what this parent typed: no e-mail address, no log-in, not added by staff."""
        child = self.child
        only_added = child.created_via == Contact.CreatedVia.FRIENDS_FAMILY and child.user_id is None
        return self.typed_by_parent and only_added and not self.entered_email and not child.email

    @property
    def permission_agreed(self) -> str:
        """The permission that the child agrees to by accepting; empty if it does not change.

        A parent manages a child that has no e-mail address. A person who claims the account gets one, and agrees only
        that the parent sees their tickets.
        """
        manages = self.typed_by_parent and self.permission_parent == self.Permission.MANAGE
        return self.Permission.VIEW if manages and self.child.user_id is None else ""

    @property
    def is_open(self) -> bool:
        """Whether the link is pending or active."""
        return self.status in self.OPEN

    @property
    def allows_tickets(self) -> bool:
        """Whether the permission lets the parent see the child's tickets; it counts only while the link is active."""
        return self.permission_parent in {self.Permission.VIEW, self.Permission.MANAGE}

    @property
    def manages_child(self) -> bool:
        """Whether the link is active and the parent manages a child without an e-mail address."""
        manages = self.status == self.Status.ACTIVE and self.permission_parent == self.Permission.MANAGE
        return manages and not self.child.email


class LinkRequest(models.Model):
    """The mail to the child of a link, with a single-use token of which only the hash is stored.

    A request with ``email`` is an invitation: the address becomes the child's when its owner accepts.
    """

    class Delivery(models.TextChoices):
        QUEUED = "queued", _("waiting")
        SENT = "sent", _("sent")
        SUPPRESSED = "suppressed", _("not sent")

    link = models.OneToOneField(ContactLink, on_delete=models.CASCADE, related_name="request")
    token_hash = models.CharField(max_length=64, null=True, unique=True)
    email = ModelEmailField(blank=True)
    # Whether the contact was created for this link: it gets another mail than a person who was known.
    new_contact = models.BooleanField(default=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)
    delivery_state = models.CharField(max_length=10, choices=Delivery, default=Delivery.QUEUED)
    resend_count = models.PositiveSmallIntegerField(default=0)

    organiser_path = "link__organiser"

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")

    class Personal:
        subject = {"link__child": CONTACT, "link__parent": CONTACT}
        area = CONNECTIONS
        expiry = (
            Expiry(
                "accounts.tidy",
                "expires_at",
                where=~Q(email=""),
                setting="link_request_days",
                promise=ngettext_lazy(
                    "The e-mail address of an invitation that nobody answers: %(number)d day.",
                    "The e-mail address of an invitation that nobody answers: %(number)d days.",
                    "number",
                ),
            ),
        )
        copy_context = ("sent_at", "expires_at", "used_at")
        labels = {
            "email": _("e-mail address you were invited at"),
            "sent_at": _("e-mail sent"),
            "expires_at": _("link valid until"),
            "used_at": _("answered"),
        }
        withheld = {
            "token_hash": _("guards the link in the e-mail"),
            "email": About("link__child", _("what you typed about the other person is theirs")),
        }
        columns = {
            **erase("token_hash", "email"),
            **not_personal(
                "what became of a mail", "sent_at", "expires_at", "used_at", "delivery_state", "resend_count"
            ),
        }

    def __str__(self):
        return f"#{self.pk}"

    @property
    def address_key(self) -> str:
        """The e-mail address the request is sent to, normalised."""
        return self.email or self.link.child.email_key


class AddressSuppression(models.Model):
    """An e-mail address that gets no mail started by ``parent``, or by any visitor if that is null, until it expires."""

    organiser = models.ForeignKey(Organiser, on_delete=models.PROTECT, related_name="+")
    # ``link_mail.address_hash``. A keyed hash is still personal data, so it expires.
    address_hash = models.BinaryField(max_length=32)
    parent = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=20)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        indexes = [models.Index(fields=["organiser", "address_hash"], name="suppression_by_address")]

    class Personal:
        # Erased with the parent. An erasure of the owner of the address leaves it: it protects the owner.
        subject = {"parent": CONTACT, "address_hash": KeepRow(ADDRESS_HASH, SUPPRESSION)}
        area = CONNECTIONS
        expiry = (
            Expiry(
                RETENTION,
                "expires_at",
                promise=_("That an e-mail address wants no more e-mails from a person: three years."),
            ),
        )
        copy_context = ("created_at", "expires_at")
        labels = {"parent": _("asked by"), "created_at": _("since"), "expires_at": _("until")}
        withheld = {"address_hash": _("stands for the e-mail address of a person who wants no e-mails")}
        columns = {
            "address_hash": DeleteRow(),
            "parent": DeleteRow(),
            **not_personal("why and how long", "reason", "created_at", "expires_at"),
        }

    def __str__(self):
        return f"#{self.pk}"
