"""Notes on an order's page about an erased buyer: the retained data, the reason, and the end."""

from collections.abc import Callable, Iterable

from django.db.models import Model
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from registration_forms.models import Answer
from ticketshop.lib.dates import days
from ticketshop.lib.personal import BOOKS, CONTRACT, OPEN_PAYMENT, Erase, Keep

from ...models import Cancellation, CancelledLine, IssuedPass, Order, OrderLine, Payment, Refund, Ticket

OF_ORDER = (Order, OrderLine, Ticket, IssuedPass, Cancellation, CancelledLine, Payment, Refund)
NO_MAIL = gettext_lazy("No e-mail about this order can be sent any more: the buyer’s address is erased.")


NOBODY = gettext_lazy("Sold without a name: no e-mail about this order is sent.")


def no_mail(order: Order) -> str:
    """Return why no e-mail is sent about an order without a buyer, in a sentence."""
    return str(NOBODY if order.without_person else NO_MAIL)


def notes(order: Order) -> list[str]:
    """Return sentences for the page of ``order``; none unless its buyer is erased or being erased, or there never was one."""
    if order.without_person:
        return [no_mail(order)]
    if order.buyer is None:
        return [
            _("The buyer was erased. Everything that named them is gone and can’t be brought back."),
            _stays(order),
        ]
    if order.buyer.erasing_at is None:
        return []
    return [_waits(order), _stays(order)]


def _stays(order: Order) -> str:
    return _("Kept until %(day)s at least: %(what)s. %(reason)s") % {
        "day": date_format(BOOKS.end(localtime(order.placed_at)), "SHORT_DATE_FORMAT"),
        "what": _named(OF_ORDER, lambda word: isinstance(word, Keep) and word.basis == BOOKS),
        "reason": BOOKS.reason,
    }


def _waits(order: Order) -> str:
    values = {
        "what": _named((Contact, *OF_ORDER, Answer), _is_needed),
        "reason": (OPEN_PAYMENT if _is_owed(order) else CONTRACT).reason,
    }
    if order.buyer.erasing_until is None:
        return (
            _(
                "The buyer is being erased. What this order still needs stays until then: %(what)s. %(reason)s Then it goes by itself."
            )
            % values
        )
    values["day"] = days.until_text(order.buyer.erasing_until)
    return (
        _(
            "The buyer is being erased. What this order still needs stays until %(day)s at the latest: %(what)s. %(reason)s Then it goes by itself."
        )
        % values
    )


def _is_needed(word: object) -> bool:
    """Return whether an erasure retains a column until something unfinished is over."""
    return isinstance(word, Erase) and word.deferred_with is not None


def _named(models: Iterable[type[Model]], wanted: Callable[[object], bool]) -> str:
    """Return the readable names of the columns with such a strategy, each once."""
    names = []
    for model in models:
        declaration = model.Personal
        for name, strategy in declaration.columns.items():
            label = getattr(declaration, "labels", {}).get(name) or model._meta.get_field(name)._verbose_name
            if label and wanted(strategy):
                names.append(str(label))
    return ", ".join(dict.fromkeys(names))


def _is_owed(order: Order) -> bool:
    """Return whether money is still expected, or to be paid back."""
    owed = Refund.objects.filter(payment__order=order, state=Refund.State.REQUESTED)
    return order.state == Order.State.PENDING or owed.exists()
