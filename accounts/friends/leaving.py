"""The pages on which an added person ends the connection, and undoes that within ten minutes."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from contacts.linking import links
from contacts.models import ContactLink

from .access import link_as_child

# Key in the session: the connection that the visitor has just ended.
STOPPED = "link_stopped"


@require_http_methods(["GET", "HEAD", "POST"])
def stop(request, pos, link_id):
    """Ask whether to end a connection that was made to the visitor; end it on POST. Repeating changes nothing."""
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
    """Restore the connection within ten minutes."""
    # From the session first: ``link_as_child`` finds links to the visitor's e-mail address only while they are open.
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
    """Return the parent's name ("name") and the child's ("person").

    The child's is empty unless the visitor agreed for the child, whose mailbox they read.
    """
    for_child = link.child.user_id is None and link.consent_by == ContactLink.ConsentBy.GUARDIAN
    return {"name": link.parent.full_name, "person": link.child.full_name if for_child else ""}


def no_longer_connected(link: ContactLink) -> str:
    """Return the message that a connection has ended."""
    names = names_of(link)
    if names["person"]:
        return _("%(person)s is no longer connected with %(name)s.") % names
    return _("You are no longer connected with %(name)s.") % names


def connected_again(link: ContactLink) -> str:
    """Return the message that a connection is restored."""
    names = names_of(link)
    if names["person"]:
        return _("%(person)s is connected with %(name)s again.") % names
    return _("You are connected with %(name)s again.") % names


def undoable(request) -> ContactLink | None:
    """Return the connection that the visitor has ended in this browser, while that can be undone; else None."""
    stopped = request.session.get(STOPPED)
    if not stopped:
        return None
    since = timezone.now() - links.UNDO
    recent = ContactLink.objects.filter(pk=stopped, end_reason="declined", ended_at__gte=since)
    return recent.select_related("parent", "child").first()
