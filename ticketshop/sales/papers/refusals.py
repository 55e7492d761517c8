"""Why no invoice was issued, in sentences for buyers and staff."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .invoices import CannotIssue

SENTENCES = {
    "state": gettext_lazy(
        "No invoice was issued: the order must be paid, or wait for a bank transfer. Look at the order’s page for what to do next."
    ),
    "nothing": gettext_lazy("No paper was issued: there is nothing to invoice or to take back."),
    "test": gettext_lazy("No invoice was issued: this is a test order of a shop that is not open yet."),
    "exists": gettext_lazy("This order has an invoice already. You find it below."),
    "erased": gettext_lazy("No invoice was issued: the buyer’s data are erased."),
}

DAMAGED = gettext_lazy(
    "This PDF can’t be shown: it is not what was issued. Please write to the organiser, who can have it restored."
)


def sentence(error: CannotIssue) -> str:
    """Return the sentence for a refusal."""
    return str(SENTENCES.get(error.code) or _("No invoice was issued."))
