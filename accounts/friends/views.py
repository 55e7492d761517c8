"""The list of friends and family, and the pages and buttons of one connection, seen from the parent or the child."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts import merging
from contacts.linking import links
from contacts.models import Contact, ContactLink

from ..links import claiming
from . import leaving, tickets
from .access import (
    link_as_child,
    link_as_parent,
    mailbox_of,
    my_contact_here,
    requester_of,
    to_my_address,
)
from .forms import PermissionForm


def to_decide(request, contact: Contact) -> int:
    """Return how many connections wait for the visitor's answer; 0 if friends and family is off."""
    if not request.pos.friends_family_enabled:
        return 0
    pending = links.of_child(contact).filter(status=ContactLink.Status.PENDING)
    return pending.count() + links.to_decide(*mailbox_of(request)).count()


@require_safe
def index(request, pos):
    """List the people the visitor has added, and the people who have added the visitor."""
    contact = my_contact_here(request)
    undo = undoable(request, contact)
    context = {
        "contact": contact,
        "people": [(link, links.seen_by_parent(link)) for link in links.all_of_parent(contact)],
        "parents": links.of_child(contact),
        "waiting": [(link, claiming.is_me(contact, link.child)) for link in to_my_address(request)],
        "undo": undo,
        "undo_name": links.name_for_parent(undo) if undo else "",
        "stopped": leaving.undoable(request),
        "section": "friends",
    }
    return render(request, "accounts/friends.html", context)


def undoable(request, contact: Contact) -> ContactLink | None:
    """Return the link that the visitor has removed in this browser, while that can be undone; else None."""
    removed = request.session.get("link_removed")
    since = timezone.now() - links.UNDO
    return (
        ContactLink.objects.filter(
            pk=removed, parent=contact, end_reason="removed", ended_at__gte=since
        ).first()
        if removed
        else None
    )


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request, pos, link_id):
    """Ask whether to remove a person from the list; remove on POST. Repeating changes nothing."""
    link = link_as_parent(request, link_id)
    if request.method != "POST":
        if not link.is_open:
            return redirect("account:friends", pos=pos)
        seen = links.seen_by_parent(link)
        context = {"name": seen.name, "seen": seen, "section": "friends"}
        return render(request, "accounts/friends_remove.html", context)
    if links.remove(link, by=request.user, now=timezone.now()):
        request.session["link_removed"] = link.pk
        messages.success(
            request, _("%(name)s is no longer in your list.") % {"name": links.name_for_parent(link)}
        )
    return redirect("account:friends", pos=pos)


@require_POST
def undo(request, pos, link_id):
    """Undo a removal within ten minutes."""
    link = link_as_parent(request, link_id)
    if links.undo_remove(link, most=request.pos.friends_family_max, by=request.user, now=timezone.now()):
        messages.success(
            request, _("%(name)s is in your list again.") % {"name": links.name_for_parent(link)}
        )
    else:
        messages.info(request, _("This can’t be undone any more. You can add the person again."))
    request.session.pop("link_removed", None)
    return redirect("account:friends", pos=pos)


@require_POST
def resend(request, pos, link_id):
    """Mail the person again. The message is the same whether a mail goes out or not."""
    link = link_as_parent(request, link_id)
    links.resend(link, requester_of(request), now=timezone.now())
    messages.success(
        request,
        _("We tell %(name)s once more, unless they were told a short while ago.")
        % {"name": links.name_for_parent(link)},
    )
    return redirect("account:friends", pos=pos)


@require_safe
def person(request, pos, link_id):
    """Show what the visitor sees of a person they have added."""
    link = link_as_parent(request, link_id)
    return _person_page(request, link, {})


@require_safe
def seen(request, pos, link_id):
    """Show what the parent of a link sees of the visitor: the same page, from the same allow-list."""
    link = link_as_child(request, link_id)
    form = PermissionForm(initial={"permission": link.permission_parent})
    return _person_page(request, link, {"by": link.parent.full_name, "form": form})


def _person_page(request, link, context: dict):
    """Show what the parent of an open link sees of the child, with ``context`` added. Raise Http404 if the link has ended."""
    if not link.is_open:
        raise Http404("the link has ended")
    context |= {
        "seen": links.seen_by_parent(link),
        "link": link,
        "tickets": tickets.of_child(link),
        "section": "friends",
    }
    return render(request, "accounts/friends_person.html", context)


@require_POST
def answer(request, pos, link_id):
    """Carry out the visitor's answer to a link: agree, set the permission, or end it."""
    link = link_as_child(request, link_id)
    now, action, name = timezone.now(), request.POST.get("answer", ""), link.parent.full_name
    if action in {"accept", "accept_for"}:
        add_agreed_message(request, agree(request, link, for_another=action == "accept_for"), name)
    elif action == "leave" and links.decline(link, by=request.user, now=now):
        request.session[leaving.STOPPED] = link.pk
        messages.success(request, leaving.no_longer_connected(link))
    elif action == "not_me" and links.not_me(link, by=request.user, now=now):
        messages.success(
            request, _("The connection has ended. This person can’t make us write to you again.")
        )
    elif action == "allow" and link.is_open:
        form = PermissionForm(request.POST)
        if form.is_valid():
            links.change_permission(link, form.cleaned_data["permission"], by=request.user, now=now)
            messages.success(request, _("Saved."))
    return redirect("account:friends", pos=pos)


def agree(request, link: ContactLink, *, for_another: bool) -> ContactLink | None:
    """Agree to a link and return it as it is afterwards; None if there is nothing left to agree to."""
    me, now = my_contact_here(request), timezone.now()
    if link.child_id == me.pk:
        return link if links.accept(link, by=request.user, now=now) else None
    try:
        return claiming.agree(me, link, for_another=for_another, by=request.user, now=now)
    except merging.CannotMerge:
        # The contact was claimed or merged meanwhile.
        return None


def add_agreed_message(request, link: ContactLink | None, name: str) -> None:
    """Add the message after ``agree``; ``name`` is that of the parent."""
    if link is None:
        messages.info(request, _("There is nothing left to answer here."))
    elif link.consent_by == ContactLink.ConsentBy.GUARDIAN:
        text = _("%(person)s is connected with %(name)s.")
        messages.success(request, text % {"person": link.child.full_name or link.entered_name, "name": name})
    else:
        messages.success(request, _("You are connected with %(name)s.") % {"name": name})
