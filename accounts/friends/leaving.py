"""Friends and family: the person who was added stops the connection, and can undo that for ten minutes."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from contacts import links
from contacts.models import ContactLink

from .access import link_as_child

# The connection the visitor has just stopped, in their log-in session.
STOPPED = "link_stopped"


@require_http_methods(["GET", "HEAD", "POST"])
def stop(request, pos, link_id):
    """Ask, then end a connection that was made to the visitor. Repeating it changes nothing."""
    link = link_as_child(request, link_id)
    if request.method != "POST":
        if not link.is_open:
            return redirect("account:friends", pos=pos)
        context = {"link": link, "other": names_of(link)["person"], "section": "friends"}
        return render(request, "accounts/friends_stop.html", context)
    if links.decline(link, by=request.user, now=timezone.now()):
        request.session[STOPPED] = link.pk
        messages.success(request, no_longer_connected(link))
    return redirect("account:friends", pos=pos)


@require_POST
def undo(request, pos, link_id):
    """Connect the two again, within ten minutes."""
    # One made to the visitor's e-mail address is no longer listed once it has ended.
    link = undoable(request)
    if link is None or link.pk != link_id:
        link = link_as_child(request, link_id)
    name = link.parent.full_name
    most, now = request.pos.friends_family_max, timezone.now()
    stopped_here = request.session.pop(STOPPED, None) == link.pk
    if stopped_here and links.undo_decline(link, most=most, by=request.user, now=now):
        messages.success(request, connected_again(link))
    else:
        messages.info(
            request, _("This can’t be undone any more. Ask %(name)s to add you again.") % {"name": name}
        )
    return redirect("account:friends", pos=pos)


def names_of(link: ContactLink) -> dict[str, str]:
    """Return the names of both; that of the child only where the visitor agreed for it, as the mailbox's reader."""
    for_child = link.child.user_id is None and link.consent_by == ContactLink.ConsentBy.GUARDIAN
    return {"name": link.parent.full_name, "person": link.child.full_name if for_child else ""}


def no_longer_connected(link: ContactLink) -> str:
    names = names_of(link)
    if names["person"]:
        return _("%(person)s is no longer connected with %(name)s.") % names
    return _("You are no longer connected with %(name)s.") % names


def connected_again(link: ContactLink) -> str:
    names = names_of(link)
    if names["person"]:
        return _("%(person)s is connected with %(name)s again.") % names
    return _("You are connected with %(name)s again.") % names


def undoable(request) -> ContactLink | None:
    """Return the connection the visitor has stopped in this browser, while that can be undone; else None."""
    stopped = request.session.get(STOPPED)
    if not stopped:
        return None
    since = timezone.now() - links.UNDO
    recent = ContactLink.objects.filter(pk=stopped, end_reason="declined", ended_at__gte=since)
    return recent.select_related("parent", "child").first()
