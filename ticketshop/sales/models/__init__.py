"""Carts, orders, tickets and payments."""

from .admission import (
    DATE_CANCELLED,
    FOR_THE_BUYER,
    HOLDER_ERASED,
    OPEN_STATES,
    STATE_TEXTS,
    Admission,
    IssuedPass,
    Ticket,
)
from .cancellation import Cancellation, CancelledLine, Exchange
from .cart import RENEWALS, Cart, CartLine
from .dates import DateChange, DateMessage, MessageRecipient
from .entrance import CheckIn, ReplacedCode
from .invoice import ArchivedPaper, ArchiveOpening, Invoice, InvoiceCounter
from .money.bank import TEXT_DAYS, BankEntry, BankFile
from .money.cash_count import CashCount
from .money.payment import NEVER_OWED, OPEN_REFUNDS, Dispute, Payment, PaymentMethod, Refund
from .money.payment_difference import PaymentDifference
from .money.reversal import Reversal
from .order import (
    ERASED,
    LIVING_ORDERS,
    WITHOUT_PERSON,
    Customer,
    Order,
    OrderLine,
    OrderResponse,
    places_of,
    responses_of,
)
from .products import MONEY, OfADate, moved_from
from .ticket_gift import TicketGift
from .typed_details import IN_PROFILE, TypedDetails
from .withdrawal import NAME_LENGTH, Withdrawal

__all__ = [
    "DATE_CANCELLED",
    "ERASED",
    "FOR_THE_BUYER",
    "HOLDER_ERASED",
    "IN_PROFILE",
    "LIVING_ORDERS",
    "MONEY",
    "NAME_LENGTH",
    "NEVER_OWED",
    "OPEN_REFUNDS",
    "OPEN_STATES",
    "RENEWALS",
    "STATE_TEXTS",
    "TEXT_DAYS",
    "WITHOUT_PERSON",
    "Admission",
    "ArchiveOpening",
    "ArchivedPaper",
    "BankEntry",
    "BankFile",
    "Cancellation",
    "CancelledLine",
    "Cart",
    "CartLine",
    "CashCount",
    "CheckIn",
    "Customer",
    "DateChange",
    "DateMessage",
    "Dispute",
    "Exchange",
    "Invoice",
    "InvoiceCounter",
    "IssuedPass",
    "MessageRecipient",
    "OfADate",
    "Order",
    "OrderLine",
    "OrderResponse",
    "Payment",
    "PaymentDifference",
    "PaymentMethod",
    "Refund",
    "ReplacedCode",
    "Reversal",
    "Ticket",
    "TicketGift",
    "TypedDetails",
    "Withdrawal",
    "moved_from",
    "places_of",
    "responses_of",
]
