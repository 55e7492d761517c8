"""The notice on the page of a person whose e-mails come back, and the filter that finds these people."""

from django.contrib import admin
from django.db.models import OuterRef
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from ticketshop.mail import bounces
from ticketshop.mail.models import Mail
from ticketshop.organisers import role_names

CHANGE = "contacts.change_contact"


def notes(person: Contact, user=None) -> list[str]:
    """Return sentences that tell staff that e-mails do not reach a person, and what to do; [] if they do.

    ``user``: the reader, to whom is told who may enter another address.
    """
    if person.erasing_at is not None:
        return []
    mail = bounces.latest_bounce(person.organiser_id, person.email, person.subject_uuid)
    if mail is None:
        return []
    values = {"address": person.email, "day": date_format(localtime(mail.returned_at), "SHORT_DATE_FORMAT")}
    if mail.state == Mail.State.COMPLAINED:
        return [
            _(
                "On %(day)s an e-mail to %(address)s was marked as spam. Further ones may not be seen: ask this person in another way before you send more."
            )
            % values
        ]
    sentences = [
        _(
            "E-mails to %(address)s come back, the last time on %(day)s. Ask this person for another address, enter it on the page of the contact, and send again what they missed."
        )
        % values
    ]
    if user is not None and not user.has_perm(CHANGE, person):
        sentences.append(role_names.ask_them(CHANGE))
    return sentences


class UnreachableFilter(admin.SimpleListFilter):
    """The filter for people whose e-mails come back. ``path``: lookup from a row to the person, "" or with "__" at its end."""

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
        # Narrows the search to the few people with a returned mail: ``unreachable`` alone would be slow on a long list.
        candidates = Mail.objects.filter(returned_at__isnull=False).values("subject_uuid")
        return queryset.filter(
            bounces.unreachable(organiser, email, uuid), **{f"{self.path}subject_uuid__in": candidates}
        )
