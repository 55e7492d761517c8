"""The contacts that a page of personal data is about: those a proved mailbox covers, and the ones the visitor chose.

An e-mail address does not identify a person. So contacts with different names are listed by name, and the visitor chooses
among them. The choice is in the URL and in the forms of the pages as ``person`` (primary keys), so that the page, the
copy and the request to erase are about the same contacts.
"""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from django.http import HttpRequest

from contacts import mailbox
from contacts.mailbox import Covered
from contacts.models import Contact
from privacy.models import MailboxProof
from ticketshop.sales import visitor_contact

from ..links import earlier_orders
from ..links.claiming import proved_address

NAME = "person"


@dataclass(frozen=True)
class People:
    """The contacts of a mailbox: ``covered`` are all of them, ``chosen`` those the page is about.

    ``explicit``: the visitor has made the choice; else ``chosen`` are those that need no choice.
    """

    covered: list[Covered]
    chosen: list[Contact]
    explicit: bool

    @cached_property
    def must_choose(self) -> bool:
        """Whether the covered contacts have names of more than one person: then the visitor chooses by name."""
        return mailbox.names_differ(covered.contact for covered in self.covered)

    @property
    def several(self) -> bool:
        """Whether the chosen contacts have names of more than one person."""
        return mailbox.names_differ(self.chosen)

    @property
    def listed(self) -> list[tuple[Covered, bool]]:
        """All covered contacts, each with whether it is chosen."""
        chosen = {contact.pk for contact in self.chosen}
        return [(covered, covered.contact.pk in chosen) for covered in self.covered]

    @property
    def query(self) -> str:
        """The query string that makes the same choice on another page; empty without a choice."""
        return "?" + urlencode([(NAME, contact.pk) for contact in self.chosen]) if self.explicit else ""


def of_account(request: HttpRequest) -> People:
    """Return the people that the mailbox of the visitor's log-in covers.

    Without a choice they are the visitor's own contact and the contacts of the same name.
    """
    me = visitor_contact.of_request(request)
    address = proved_address(request.user)
    covered = mailbox.covered(me.organiser, address, me=me)
    mine = {other.contact.pk for other in covered if other.same_name}
    if len(mine) < len(covered) and not me.full_name:
        mine |= {earlier.contact.pk for earlier in earlier_orders.find(request.user, me).mine}
    return _people(request, covered, mine)


def of_proof(request: HttpRequest, proof: MailboxProof, *, to_erase: bool = False) -> People:
    """Return the people that a proved mailbox covers.

    Without a choice they are all of them; with ``to_erase``, none if their names differ.
    """
    covered = mailbox.covered(proof.organiser, proof.address)
    contacts = [each.contact for each in covered]
    must_choose = to_erase and mailbox.names_differ(contacts)
    return _people(request, covered, set() if must_choose else {contact.pk for contact in contacts})


def _people(request: HttpRequest, covered: list[Covered], default: set[int]) -> People:
    typed = (request.POST if request.method == "POST" else request.GET).getlist(NAME)
    by_key = {str(each.contact.pk): each.contact for each in covered}
    chosen = [contact for key, contact in by_key.items() if key in typed]
    if chosen:
        return People(covered, chosen, True)
    return People(covered, [each.contact for each in covered if each.contact.pk in default], False)
