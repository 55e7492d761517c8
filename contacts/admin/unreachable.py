"""What staff read about a person whose e-mails come back, and the filter that finds them all."""

from django.contrib import admin
from django.db.models import OuterRef
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.mail import returned
from ticketshop.mail.models import Mail

from ..models import Contact


def notes(person: Contact) -> list[str]:
    """What is to be known of a person's e-mail address, and what to do; empty while e-mails reach it."""
    if person.erasing_at is not None:
        return []
    mail = returned.last_return(person.organiser_id, person.email, person.subject_uuid)
    if mail is None:
        return []
    words = {"address": person.email, "day": date_format(localtime(mail.returned_at), "SHORT_DATE_FORMAT")}
    if mail.state == Mail.State.COMPLAINED:
        return [
            _(
                "On %(day)s an e-mail to %(address)s was marked as spam. Further ones may not be seen: ask this person in another way before you send more."
            )
            % words
        ]
    return [
        _(
            "E-mails to %(address)s come back, the last time on %(day)s. Ask this person for another address, enter it on the page of the contact, and send again what they missed."
        )
        % words
    ]


class UnreachableFilter(admin.SimpleListFilter):
    """People whose e-mails come back; ``path`` leads from a row of the list to the person."""

    title = gettext_lazy("e-mails")
    parameter_name = "mails"
    path = ""

    def lookups(self, request, model_admin):
        return [("returned", _("come back or are marked as spam"))]

    def queryset(self, request, queryset):
        if self.value() != "returned":
            return queryset
        organiser, email, uuid = (
            OuterRef(f"{self.path}{name}") for name in ("organiser", "email", "subject_uuid")
        )
        # The few people with such a mail first; only for them is looked whether it still holds.
        some = Mail.objects.filter(returned_at__isnull=False).values("subject_uuid")
        return queryset.filter(
            returned.unreachable(organiser, email, uuid), **{f"{self.path}subject_uuid__in": some}
        )
