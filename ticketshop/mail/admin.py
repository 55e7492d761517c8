"""Back office: the e-mails and their states. The text of a mail is not stored, so it is not shown."""

from datetime import datetime

from django.contrib import admin, messages
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.lib.values.email_addresses import searched_email
from ticketshop.lib.web.waits import again_in
from ticketshop.limits import limits
from ticketshop.office.buttons import Button, Outcome
from ticketshop.office.scoped_admin import ReadOnlyAdmin

from . import bounces, kinds, outbox
from .models import Mail


def _why_not_again(mail: Mail) -> str:
    """Return why a mail is not sent again; empty if it failed or bounced and its address is still stored."""
    if mail.state == Mail.State.COMPLAINED:
        return _("This e-mail arrived and was marked as spam. Nothing was sent.")
    if mail.state not in {Mail.State.FAILED, Mail.State.BOUNCED}:
        return _("This e-mail did not fail. Nothing was sent.")
    return "" if mail.recipient else _("The address of this e-mail is erased. Nothing was sent.")


def _question(mail: Mail) -> list[str]:
    sentences = [_("The e-mail goes to the same address again, and tells what is true now.")]
    if mail.returned_at:
        sentences.append(
            _(
                "It came back from this address. If the person has another one by now, send it from the page of their order instead."
            )
        )
    return sentences


def _send_again(request, mail: Mail, now: datetime) -> Outcome:
    if why_not := _why_not_again(mail):
        return messages.WARNING, why_not
    if not limits.hit("mail_resend", f"mail:{mail.pk}", now):
        wait = limits.wait("mail_resend", f"mail:{mail.pk}", now)
        return messages.ERROR, f"{_('It was sent again several times already.')} {again_in(wait)}"
    outbox.again(mail, now=now)
    history.record(mail, "mail_resent", by=request.user, now=now, kind=mail.kind)
    return messages.SUCCESS, _("The e-mail goes out in a moment.")


SEND_AGAIN = Button(
    "send-again",
    gettext_lazy("Send again"),
    ("mail.change_mail",),
    lambda mail: not _why_not_again(mail),
    _question,
    _send_again,
    why_not_offered=lambda user, mail: _why_not_again(mail),
)


class TroubleFilter(admin.SimpleListFilter):
    """A filter for mails that failed, bounced or were marked as spam."""

    title = gettext_lazy("what became of it")
    parameter_name = "trouble"

    def lookups(self, request, model_admin):
        return [
            ("1", _("failed, came back or marked as spam")),
            ("recent", _("failed, came back or marked as spam in the last 14 days")),
        ]

    def queryset(self, request, queryset):
        if self.value() == "recent":
            return bounces.recently_troubled(queryset, timezone.now())
        return bounces.troubled(queryset) if self.value() else queryset


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind_text", "recipient", "state", "attempts", "error"]
    list_filter = [TroubleFilter, "state", "organiser", "point_of_sale", "created_at"]
    ordering = ["-created_at", "-pk"]
    search_fields = ["recipient__istartswith"]
    search_help_text = gettext_lazy("The beginning of the recipient’s address.")
    fields = [
        "kind_text",
        "recipient",
        "language",
        "state",
        "attempts",
        "error",
        "created_at",
        "sent_at",
        "delivered_at",
        "returned_at",
        "point_of_sale",
    ]
    readonly_fields = fields
    buttons = (SEND_AGAIN,)

    def get_search_results(self, request, queryset, search_term):
        return super().get_search_results(request, queryset, searched_email(search_term))

    @admin.display(description=gettext_lazy("e-mail"))
    def kind_text(self, mail):
        return kinds.label(mail.kind)
