"""The restricted archive: the only module that reads and writes the PDFs of invoices and credit notes.

A paper is written once, in the transaction that draws its number, and deleted by the retention job (``Expiry`` of
``ArchivedPaper``). The decision note 0035 tells why it is a table.
"""

import hashlib
from datetime import datetime

from django.db import transaction

from ticketshop.history import history

from ..models import ArchivedPaper, ArchiveOpening, Invoice, Order

OPEN = "sales.open_archivedpaper"


class Gone(Exception):
    """The paper is no longer in the archive: its time is over."""


class Damaged(Exception):
    """The stored bytes are not those that were archived."""


def put(invoice: Invoice, content: bytes) -> ArchivedPaper:
    """Store the PDF of an invoice. In the transaction that creates the invoice."""
    return ArchivedPaper.objects.create(
        invoice=invoice, content=content, sha256=hashlib.sha256(content).hexdigest()
    )


def read(invoice: Invoice) -> bytes:
    """Return the PDF, for the buyer who has the order's link. Raise Gone or Damaged.

    Staff use ``open_with_reason``.
    """
    paper = ArchivedPaper.objects.filter(invoice=invoice).first()
    if paper is None:
        raise Gone(str(invoice))
    if not is_intact(paper):
        raise Damaged(str(invoice))
    return bytes(paper.content)


def is_intact(paper: ArchivedPaper) -> bool:
    """Return whether the bytes have the hash that was stored with them."""
    return hashlib.sha256(bytes(paper.content)).hexdigest() == paper.sha256


@transaction.atomic
def open_with_reason(invoice: Invoice, *, reason: str, by, now: datetime) -> bytes:
    """Return the PDF and record who opened it and why. The caller has checked the permission ``OPEN``. Raise Gone or Damaged."""
    content = read(invoice)
    ArchiveOpening.objects.create(paper=invoice.archived, opened_by=by, opened_at=now, reason=reason)
    history.record(invoice.order, "archive_opened", by=by, now=now, paper=invoice.full_number)
    return content


def openings_of(order: Order) -> list[ArchiveOpening]:
    """Return who opened which paper of an order when and why, the latest first. For staff with the permission ``OPEN``."""
    rows = ArchiveOpening.objects.filter(paper__invoice__order=order)
    return list(rows.select_related("opened_by", "paper__invoice").defer("paper__content").order_by("-pk"))
