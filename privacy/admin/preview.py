"""The preview of an erasure for staff: the plans, the form, and the warnings."""

import uuid
from dataclasses import dataclass

from django import forms
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from ticketshop.lib.personal import CONTRACT

from ..models import Erasure
from ..plan import companions, planning, wording
from . import tables

# What becomes of unused tickets: the erasure is deferred, or they admit every person who shows them.
DEFER, BEARER = "wait", "bearer"


class EraseForm(forms.Form):
    """The reason, and what becomes of unused tickets. The hidden fields contain the fingerprints of the plans that were shown."""

    # Made with the page, so that a form that is posted twice is one erasure.
    request = forms.UUIDField(widget=forms.HiddenInput)
    seen = forms.CharField(widget=forms.HiddenInput, max_length=32, required=False)
    seen_bearer = forms.CharField(widget=forms.HiddenInput, max_length=32, required=False)
    reason = forms.ChoiceField(label=gettext_lazy("Why"), choices=Erasure.Reason.choices)
    tickets = forms.ChoiceField(
        label=gettext_lazy("Tickets and passes not used yet"),
        widget=forms.RadioSelect,
        choices=[
            (
                DEFER,
                gettext_lazy(
                    "The person stays reachable until the last event is over; then the rest goes by itself."
                ),
            ),
            (
                BEARER,
                gettext_lazy(
                    "Erase everything now: the tickets admit anyone who shows them. The person can no longer be reached about changes or refunds."
                ),
            ),
        ],
    )

    together = forms.MultipleChoiceField(
        label=gettext_lazy("People only this person connected: erased with them"),
        help_text=gettext_lazy(
            "Nobody else has them in their list, and they never ordered. Untick those who should stay; if nobody adds them, they are erased automatically later."
        ),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, data, *, preview: "Preview", chosen: dict | None = None):
        super().__init__(data, initial={**preview.initial, **(chosen or {})})
        if preview.bearer is None:
            del self.fields["tickets"]
        if preview.plan.companions:
            self.fields["together"].choices = [
                (str(companion.contact.pk), _companion_text(companion))
                for companion in preview.plan.companions
            ]
        else:
            del self.fields["together"]

    @property
    def bearer(self) -> bool:
        """Whether unused tickets admit every person who shows them."""
        return self.cleaned_data.get("tickets") == BEARER

    @property
    def spared(self) -> list[int]:
        """Ids of the companions that staff have unticked."""
        if "together" not in self.fields:
            return []
        ticked = set(self.cleaned_data["together"])
        return [int(pk) for pk, _text in self.fields["together"].choices if pk not in ticked]

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the plan that was shown for the choice."""
        return self.cleaned_data["seen_bearer" if self.bearer else "seen"]


@dataclass(frozen=True)
class Preview:
    """The plans of one person with and without deferral for unused tickets, and the person's own open request if there is one."""

    contact: Contact
    plan: planning.Plan
    bearer: planning.Plan | None  # None without unused tickets
    open_request: Erasure | None

    @property
    def initial(self) -> dict:
        """The initial values of the form: the choices of the person's own request, else the defaults."""
        return {
            "request": self.open_request.uuid if self.open_request else uuid.uuid4(),
            "seen": self.plan.fingerprint,
            "seen_bearer": self.bearer.fingerprint if self.bearer else "",
            "reason": self.open_request.reason if self.open_request else Erasure.Reason.REQUEST,
            "tickets": BEARER if self.open_request and self.open_request.bearer else DEFER,
            "together": [str(companion.contact.pk) for companion in self.plan.companions],
        }

    @property
    def size(self) -> int:
        """The number of rows that are erased."""
        return sum(part.rows for part in self.plan.erased)


def _companion_text(companion: companions.Companion) -> str:
    """Return the name, and when the companion is erased if that is later."""
    if not companion.is_deferred:
        return companion.name
    if companion.day is None:
        return _("%(name)s (as soon as an open payment is settled)") % {"name": companion.name}
    day = date_format(companion.day, "SHORT_DATE_FORMAT")
    return _("%(name)s (on %(day)s, when a ticket to come is over)") % {"name": companion.name, "day": day}


def read(contact: Contact, now) -> Preview:
    """Return the preview of an erasure. Changes nothing."""
    plan = planning.plan(contact, now=now)
    has_choice = any(deferral.basis == CONTRACT for deferral in plan.deferrals)
    bearer = planning.plan(contact, now=now, bearer=True) if has_choice else None
    open_request = (
        Erasure.objects.filter(contact=contact, state=Erasure.State.CONFIRMED).order_by("pk").first()
    )
    return Preview(contact, plan, bearer, open_request)


def context(preview: Preview) -> dict:
    """Return the tables and sentences about the plan."""
    plan = preview.plan
    return {
        "sections": tables.of_plan(plan),
        "waiting": tables.deferred(plan) if plan.deferrals else None,
        "until": plan.until,
        "claims": any(deferral.basis != CONTRACT for deferral in plan.deferrals),
        "contract": preview.bearer is not None,
        "warnings": _warnings(preview),
        "same_address": _same_address(preview.contact),
        "mail_service": wording.mail_service(),
        "companies": [name for name, _gets in wording.told_companies(preview.contact.organiser)],
        "downloads": tables.downloads(plan.subject.subject_uuid),
    }


def _warnings(preview: Preview) -> list[str]:
    warnings = []
    if preview.open_request and preview.open_request.confirmed_at:
        warnings.append(
            _("The person asked for it themselves on %(day)s (%(channel)s).")
            % {
                "day": date_format(localtime(preview.open_request.confirmed_at), "SHORT_DATE_FORMAT"),
                "channel": preview.open_request.get_channel_display(),
            }
        )
    # An erasure at once may cost the person the tickets they have paid for.
    unused = {str(deferral.label) for deferral in preview.plan.deferrals if deferral.basis == CONTRACT}
    warnings += [
        _("There is still %(what)s. Ask the person first.") % {"what": what} for what in sorted(unused)
    ]
    if preview.plan.subject.is_staff:
        warnings.append(
            _(
                "This person works here too: their log-in, their rights and what they did as staff stay. What they bought and are as a customer goes."
            )
        )
    elif preview.plan.subject.user_id is not None:
        # The same sentence whether the log-in is deleted or not: that would tell whom other organisers know.
        warnings.append(_("Their log-in here ends, and they are logged out everywhere."))
    return warnings


def _same_address(contact: Contact) -> list[Contact]:
    """Return other contacts with the same e-mail address, at most 20: each may be the same person, and is erased separately."""
    if not contact.email_key:
        return []
    same = Contact.objects.known().filter(organiser=contact.organiser_id, email_key=contact.email_key)
    return list(same.exclude(pk=contact.pk).order_by("pk")[:20])
