"""Back office: what became of the e-mails. No body is kept, so none is shown."""

from datetime import datetime

from django.contrib import admin, messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.limits import limits
from ticketshop.organisers.buttons import Button, Outcome
from ticketshop.organisers.scoped_admin import ReadOnlyAdmin

from . import kinds, outbox
from .models import Mail


def can_go_again(mail: Mail) -> bool:
    """Whether it went wrong and there is still somebody to send it to."""
    return mail.state == Mail.State.FAILED and bool(mail.recipient)


def _question(mail: Mail) -> list[str]:
    return [_("The e-mail goes to the same address again, and tells what is true now.")]


def _send_again(request, mail: Mail, now: datetime) -> Outcome:
    if not can_go_again(mail):
        return messages.WARNING, _("This e-mail did not fail. Nothing was sent.")
    if not limits.hit("mail_resend", f"mail:{mail.pk}", now):
        return messages.ERROR, _("It was sent again several times already. Try again in an hour.")
    outbox.again(mail, now=now)
    history.record(mail, "mail_resent", by=request.user, now=now, kind=mail.kind)
    return messages.SUCCESS, _("The e-mail goes out in a moment.")


SEND_AGAIN = Button(
    "send-again", gettext_lazy("Send again"), ("mail.change_mail",), can_go_again, _question, _send_again
)


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind_text", "recipient", "state", "attempts", "error"]
    list_filter = ["state", "point_of_sale", "created_at"]
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
        "point_of_sale",
    ]
    readonly_fields = fields
    buttons = (SEND_AGAIN,)

    @admin.display(description=gettext_lazy("e-mail"))
    def kind_text(self, mail):
        return kinds.label(mail.kind)
