"""Cash or card at the box office. The places are kept until the first session begins."""

from django.utils.translation import gettext_lazy as _

from ticketshop.lib.dates import days
from ticketshop.lib.web.template_tags import money

from .base import Method, no_later_than


class OnSite(Method):
    """Payment at the box office."""

    code = "on_site"
    label = _("Pay at the box office")
    hint = _("Cash or card. Your places are kept until the event begins.")
    mail_text = _("Please pay at the box office before the event begins. Your places are kept until then.")
    setting_fields = {"opening_hours": (_("Opening hours of the box office"), False)}

    def expires_at(self, organiser, first_start, now):
        return no_later_than(
            first_start, days.end_after(now, 366 if first_start else 30, organiser.zone), now
        )

    def instructions(self, order, payment):
        lines = [(_("Show at the box office"), order.reference)]
        if payment.amount != order.total:  # part of the money has come
            lines.append((_("Still to be paid"), money(payment.amount, payment.currency)))
        if hours := self.settings.get("opening_hours"):
            lines.append((_("Opening hours"), hours))
        return lines
