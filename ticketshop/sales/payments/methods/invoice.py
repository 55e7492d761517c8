"""A bank transfer that staff grant to a buyer at the counter, also in a shop that offers visitors no bank transfer."""

from django.utils.translation import gettext_lazy as _

from .bank_transfer import BankTransfer


class Invoice(BankTransfer):
    """Payment on invoice."""

    code = "invoice"
    label = _("Invoice, by bank transfer")
    staff_only = True
