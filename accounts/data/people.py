"""Whose data the pages of one's own data are about: the contacts that a proved mailbox covers, and those chosen of them.

An e-mail address never says who somebody is, so contacts whose names differ are listed by name, and the visitor chooses
each. What is chosen stands in the address of a page and in its forms as ``person``, so that the page, the copy and the
request to be forgotten are about the same people.
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
    """``covered``: everybody the mailbox covers. ``chosen``: whom a page is about.

    ``explicit``: the visitor has chosen them; else they are those whom nobody need choose.
    """

    covered: list[Covered]
    chosen: list[Contact]
    explicit: bool

    @cached_property
    def must_choose(self) -> bool:
        """Whether these are, by their names, more than one person: then each one is shown by name."""
        return mailbox.names_differ(one.contact for one in self.covered)

    @property
    def several(self) -> bool:
        """Whether the page is about more than one person, by their names."""
        return mailbox.names_differ(self.chosen)

    @property
    def listed(self) -> list[tuple[Covered, bool]]:
        """Everybody, and whether they are chosen."""
        chosen = {contact.pk for contact in self.chosen}
        return [(one, one.contact.pk in chosen) for one in self.covered]

    @property
    def query(self) -> str:
        """The part of an address that names the same people again."""
        return "?" + urlencode([(NAME, contact.pk) for contact in self.chosen]) if self.explicit else ""


def of_account(request: HttpRequest) -> People:
    """Return whom the mailbox of the visitor's log-in covers. Without a choice: the visitor's own contact, and those of
    the visitor's own name."""
    me = visitor_contact.of_request(request)
    address = proved_address(request.user)
    covered = mailbox.covered(me.organiser, address, me=me)
    mine = {one.contact.pk for one in covered if one.same_name}
    if len(mine) < len(covered) and not me.full_name:
        mine |= {one.contact.pk for one in earlier_orders.found(request.user, me).mine}
    return _people(request, covered, mine)


def of_proof(request: HttpRequest, proof: MailboxProof, *, to_erase: bool = False) -> People:
    """Return whom a proved mailbox covers. Without a choice: everybody; ``to_erase`` nobody, where their names differ."""
    covered = mailbox.covered(proof.organiser, proof.address)
    contacts = [one.contact for one in covered]
    nobody = to_erase and mailbox.names_differ(contacts)
    return _people(request, covered, set() if nobody else {contact.pk for contact in contacts})


def _people(request: HttpRequest, covered: list[Covered], unasked: set[int]) -> People:
    typed = (request.POST if request.method == "POST" else request.GET).getlist(NAME)
    known = {str(one.contact.pk): one.contact for one in covered}
    chosen = [contact for number, contact in known.items() if number in typed]
    if chosen:
        return People(covered, chosen, True)
    return People(covered, [one.contact for one in covered if one.contact.pk in unasked], False)
