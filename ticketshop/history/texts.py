"""Texts of history records, made when they are shown from their action and details."""

from decimal import Decimal

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.utils.formats import localize
from django.utils.module_loading import import_string
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.values.money import to_cents
from ticketshop.lib.web.template_tags import colon

from .models import Event

ACTIONS = {
    "created": gettext_lazy("Created"),
    "changed": gettext_lazy("Changed"),
    "deleted": gettext_lazy("Deleted"),
    "merged": gettext_lazy("Another contact was joined to this one"),
    "placed": gettext_lazy("Order placed"),
    "emptied": gettext_lazy("Test orders deleted"),
    "opened": gettext_lazy("Opened: visitors can buy"),
    "cash_counted": gettext_lazy("Cash counted"),
    "paid": gettext_lazy("Payment received"),
    "paid_too_late": gettext_lazy("Payment received after the order was over: to be paid back"),
    "paid_again": gettext_lazy("Money received once more: to be paid back"),
    "paid_too_much": gettext_lazy("More money received than the order costs: the rest is to be paid back"),
    "paid_other_amount": gettext_lazy("Another amount was paid than was asked for: to be paid back"),
    "payment_reversed": gettext_lazy(
        "A payment that did not come was taken back: it was recorded by mistake"
    ),
    "refund_requested": gettext_lazy("Money is to be paid back"),
    "tickets_cancelled": gettext_lazy("Tickets or passes cancelled"),
    "date_paid_back": gettext_lazy("Tickets of the cancelled date are cancelled and paid back"),
    "message_written": gettext_lazy("Message to everybody of this date"),
    "reminder_made": gettext_lazy("Reminder to everybody of this date"),
    "exchanged": gettext_lazy("Tickets exchanged for those of a new order; the amount is credited to it"),
    "method_changed": gettext_lazy("The buyer pays in another way"),
    "disputed": gettext_lazy("The buyer disputes a payment with their bank"),
    "dispute_won": gettext_lazy("Dispute won: the money stays"),
    "dispute_lost": gettext_lazy("Dispute lost: the bank took the money back"),
    "refund_refused": gettext_lazy("The payment service refused to pay money back"),
    "paid_in_part": gettext_lazy("Part of the money received"),
    "bank_entry": gettext_lazy("Recorded from a bank file"),
    "bank_not_ours": gettext_lazy("Payment of a bank file noted as not for an order"),
    "bank_done": gettext_lazy("Payment of a bank file noted as dealt with by hand"),
    "bank_reopened": gettext_lazy("Payment of a bank file is to be looked at again"),
    "difference_done": gettext_lazy("Difference to the payment service noted as dealt with"),
    "difference_reopened": gettext_lazy("Difference to the payment service is to be looked at again"),
    "revived": gettext_lazy("The order is valid again: the money came late, everything was still free"),
    "cancelled": gettext_lazy("Order cancelled"),
    "expired": gettext_lazy("Expired: not paid in time"),
    "refunded": gettext_lazy("Paid back"),
    "invoice_issued": gettext_lazy("Invoice issued"),
    "credit_note_issued": gettext_lazy("Credit note issued"),
    "invoice_mailed": gettext_lazy("Invoice sent to the buyer"),
    "archive_opened": gettext_lazy("Archived invoice opened, with a reason"),
    "mail_resent": gettext_lazy("E-mail sent again"),
    "mail_checked": gettext_lazy("Test e-mail sent to oneself"),
    "mail_returned": gettext_lazy("E-mail came back"),
    "answers_changed": gettext_lazy("Answers changed"),
    "withdrawal_stated": gettext_lazy("Withdrawal stated"),
    "withdrawal_settled": gettext_lazy("Withdrawal dealt with"),
    "answers_waived": gettext_lazy("Mandatory questions skipped"),
    "answers_link_mailed": gettext_lazy("Link to answer later sent"),
    "name_changed": gettext_lazy("Name on the ticket changed"),
    "names_changed": gettext_lazy("Names on tickets changed"),
    "ticket_offered": gettext_lazy("Ticket offered to a person of friends and family"),
    "ticket_offered_back": gettext_lazy("Given ticket offered back to the buyer"),
    "ticket_offer_withdrawn": gettext_lazy("Offer of a ticket taken back"),
    "ticket_offer_declined": gettext_lazy("Offered ticket declined"),
    "ticket_given": gettext_lazy("Ticket given to a person of friends and family, with a new code"),
    "ticket_given_back": gettext_lazy("Given ticket came back to the buyer, with a new code"),
    "ticket_taken_back": gettext_lazy("Given ticket taken back for the buyer by staff, with a new code"),
    "code_replaced": gettext_lazy("New code: the old one lets nobody in any more"),
    "link_replaced": gettext_lazy("The order’s page has a new link; the old one opens nothing any more"),
    "place_booked": gettext_lazy("A place was booked with the pass"),
    "booking_cancelled": gettext_lazy("A booking was cancelled: the entry is back"),
    "codes_replaced": gettext_lazy("New codes for tickets or passes"),
    "claimed": gettext_lazy("The person took over the account"),
    "blocked": gettext_lazy("Blocked"),
    "unblocked": gettext_lazy("No longer blocked"),
    "erased": gettext_lazy("Erasing the person began"),
    "extended": gettext_lazy("There is more time to answer"),
    "refused": gettext_lazy("The request was refused"),
    "copies_deleted": gettext_lazy("The downloaded lists are deleted"),
    # Forms.
    "door_list": gettext_lazy("List for the door downloaded"),
    "entries_list": gettext_lazy("List of the entries downloaded"),
    "event_copied": gettext_lazy("Copied from another event"),
    "pass_copied": gettext_lazy("Copied from another pass"),
    "dates_added": gettext_lazy("Dates added by weekday"),
    "published": gettext_lazy("Published"),
    "asked_again": gettext_lazy("Earlier buyers asked too"),
    "sold_asked": gettext_lazy("Buyers of what was sold before asked"),
    "forms_added": gettext_lazy("Forms given to it that were not asked at the sale"),
    "copied": gettext_lazy("Copied from another form"),
    "archived": gettext_lazy("Archived"),
    "restored": gettext_lazy("Restored"),
    "question_added": gettext_lazy("Question added"),
    "questions_moved": gettext_lazy("Order of the questions changed"),
    "question_archived": gettext_lazy("Question archived"),
    "question_restored": gettext_lazy("Question restored"),
    "asked_at": gettext_lazy("Where it is asked was changed"),
    "form_chosen": gettext_lazy("The form that is asked here was changed"),
    "export_stopped": gettext_lazy("Export stopped"),
    # Staff.
    "staff_invited": gettext_lazy("Staff invited"),
    "staff_invited_again": gettext_lazy("Invitation of staff sent again"),
    "staff_invitation_withdrawn": gettext_lazy("Invitation of staff taken back"),
    "staff_invitation_declined": gettext_lazy("Invitation of staff declined"),
    "staff_joined": gettext_lazy("Invitation accepted: now a member of staff"),
    "staff_role_changed": gettext_lazy("Another role"),
    "staff_removed": gettext_lazy("Removed from the staff"),
    "second_factor_reset": gettext_lazy("Second step at the log-in reset, because it was lost"),
    "sessions_ended": gettext_lazy("Logged out on all devices"),
    "staff_left": gettext_lazy("Left the staff"),
    # Connections: said on both contacts.
    "link_added": gettext_lazy("Connection added"),
    "link_accepted": gettext_lazy("Connection: the child agreed"),
    "link_consent_recorded": gettext_lazy("Connection: staff wrote down that the child agreed"),
    "link_permission": gettext_lazy("Connection: what the parent may do changed"),
    "link_resent": gettext_lazy("Connection: request sent again"),
    "link_edited": gettext_lazy("Connection: the parent changed what they typed"),
    "link_invited": gettext_lazy("Connection: the parent gave an e-mail address, and the child was invited"),
    "link_invitation_withdrawn": gettext_lazy("Connection: the parent took the invitation back"),
    "link_invitation_declined": gettext_lazy("Connection: invitation declined"),
    "link_invitation_ended": gettext_lazy(
        "Connection: nobody answered the invitation in time, and its address was forgotten"
    ),
    "link_handed_over": gettext_lazy("Connection: the child took over with their own e-mail address"),
    "link_removed": gettext_lazy("Connection removed by the parent"),
    "link_restored": gettext_lazy("Connection: the parent took back the removal"),
    "link_stays": gettext_lazy("Connection: the child took back that they ended it"),
    "link_declined": gettext_lazy("Connection declined or left by the child"),
    "link_not_me": gettext_lazy("Connection ended: “This is not me”"),
    "link_ended": gettext_lazy("Connection ended by staff"),
    "link_merged": gettext_lazy("Connection ended: it was there twice after two contacts were joined"),
    "link_mismatch": gettext_lazy("Person not connected: name and e-mail address did not match"),
    "link_throttled": gettext_lazy("Nobody connected: too many tries"),
}
# State or permission of a connection -> its text, as on its own page.
CONNECTION_TEXTS = {
    "pending": gettext_lazy("waiting for an answer"),
    "active": gettext_lazy("connected"),
    "none": gettext_lazy("nothing"),
    "assign": gettext_lazy("choose for tickets"),
    "view": gettext_lazy("see tickets"),
    "manage": gettext_lazy("see tickets and correct the names on them"),
}


def action_text(event: Event) -> str:
    """Return the text of the action, as “Payment received”, or its code in readable form."""
    return str(ACTIONS.get(event.action, capfirst(event.action.replace("_", " "))))


def detail_lines(event: Event) -> list[str]:
    """Return one line for each detail of the record."""
    details, model = event.details, model_of(event.model)
    lines = []
    if columns := details.get("columns"):
        lines.append(get_text_list([column_label(model, name) for name in columns], _("and")))
    for name, (old, new) in details.get("changes", {}).items():
        lines.append(
            _("%(setting)s: %(old)s → %(new)s")
            % {
                "setting": column_label(model, name),
                "old": _value(old, model, name),
                "new": _value(new, model, name),
            }
        )
    lines += _rows(_("Added: %(what)s"), model, details.get("added"))
    lines += _rows(_("Removed: %(what)s"), model, details.get("removed"))
    if amount := details.get("amount") or details.get("total"):
        lines.append(_("Amount: %(amount)s") % {"amount": localize(to_cents(Decimal(amount)))})
    lines += _methods(details.get("method"), model)
    if role := details.get("role"):
        lines.append(_("Role: %(role)s") % {"role": _value(role, model, "role")})
    if paper := details.get("paper"):
        lines.append(_("Number: %(number)s") % {"number": paper})
    return lines + _of_connection(details)


def _methods(method: str | dict[str, str] | None, model: type[Model] | None) -> list[str]:
    """Return a line about the payment method of an order, or about the old and the new one."""
    if not method:
        return []
    label = column_label(model, "payment_method")
    if isinstance(method, str):
        return [f"{colon(label)} {_value(method, model, 'payment_method')}"]
    names = {key: _value(code, model, "payment_method") for key, code in method.items()}
    return [_("%(setting)s: %(old)s → %(new)s") % {"setting": label, **names}]


def _of_connection(details: dict) -> list[str]:
    """Return lines about the connection (link of two contacts), its state, and the merged contact."""
    lines = []
    if number := details.get("link"):
        lines.append(_("Connection #%(number)s") % {"number": number})
    if status := details.get("status"):
        lines.append(_("Status: %(status)s") % {"status": CONNECTION_TEXTS.get(status, status)})
    if permission := details.get("permission"):
        lines.append(
            _("The parent may: %(permission)s") % {"permission": CONNECTION_TEXTS.get(permission, permission)}
        )
    if number := details.get("other"):
        lines.append(_("The other one was #%(number)s") % {"number": number})
    return lines


def column_label(model: type[Model] | None, name: str) -> str:
    """Return the label of a column; “session: starts” for a column of an inline row."""
    if model is None:
        return name
    room, _dot, column = name.rpartition(".")
    try:
        if not room:
            return capfirst(str(model._meta.get_field(column).verbose_name))
        other = apps.get_model(model._meta.app_label, room)
        return (
            f"{colon(capfirst(str(other._meta.verbose_name)))} {other._meta.get_field(column).verbose_name}"
        )
    except (LookupError, FieldDoesNotExist):
        return name


def _rows(template: str, model: type[Model] | None, counts: dict[str, int] | None) -> list[str]:
    if not counts or model is None:
        return []
    names = []
    for name, count in counts.items():
        meta = _meta_of(name, model)
        if meta is not None:
            names.append(f"{count} {meta.verbose_name if count == 1 else meta.verbose_name_plural}")
    return [template % {"what": get_text_list(names, _("and"))}] if names else []


def _meta_of(name: str, model: type[Model]):
    """Return the options of a model by its name, with app label or without. Prefers the app of ``model``."""
    if "." in name:
        return apps.get_model(name)._meta
    same = [candidate._meta for candidate in apps.get_models() if candidate._meta.model_name == name]
    same.sort(key=lambda meta: meta.app_label != model._meta.app_label)
    return same[0] if same else None


def _choices(model: type[Model] | None, name: str) -> dict:
    """Return value -> label for a column of ``model`` with fixed choices."""
    try:
        return dict(model._meta.get_field(name).flatchoices) if model else {}
    except FieldDoesNotExist:
        return {}


def _code_labels(model: type[Model] | None) -> dict[str, str]:
    """Return column -> path of a function from the stored code to its text, as the model's ``Personal`` declares it."""
    return getattr(getattr(model, "Personal", None), "code_labels", {})


def _value(value, model: type[Model] | None = None, name: str = "") -> str:
    if isinstance(value, str) and (label := _choices(model, name).get(value)):
        return str(label)
    if isinstance(value, str) and value and (path := _code_labels(model).get(name)):
        return str(import_string(path)(value))
    if value in (None, "", []):
        return _("empty")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    text = str(localize(value))
    return text if len(text) <= 80 else f"{text[:80]}…"


def model_of(label: str) -> type[Model] | None:
    """Return the model of a label such as "sales.order", or None."""
    try:
        return apps.get_model(label)
    except LookupError:
        return None
