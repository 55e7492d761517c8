"""Friends and family: the person who was added stops the connection, and can undo that for ten minutes."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from contacts import links
from contacts.models import ContactLink

from .friends_access import link_as_child

# The connection the visitor has just stopped, in their log-in session.
STOPPED = "link_stopped"


@require_http_methods(["GET", "HEAD", "POST"])
def stop(request, pos, link_id):
    """Ask, then end a connection that was made to the visitor. Repeating it changes nothing."""
    link = link_as_child(request, link_id)
    if request.method != "POST":
        if not link.is_open:
            return redirect("account:friends", pos=pos)
        return render(request, "accounts/friends_stop.html", {"link": link, "section": "friends"})
    if links.decline(link, by=request.user, now=timezone.now()):
        request.session[STOPPED] = link.pk
        messages.success(request, no_longer_connected(link))
    return redirect("account:friends", pos=pos)


@require_POST
def undo(request, pos, link_id):
    """Connect the two again, within ten minutes."""
    link = link_as_child(request, link_id)
    name = link.parent.full_name
    most, now = request.pos.friends_family_max, timezone.now()
    stopped_here = request.session.pop(STOPPED, None) == link.pk
    if stopped_here and links.undo_decline(link, most=most, by=request.user, now=now):
        messages.success(request, _("You are connected with %(name)s again.") % {"name": name})
    else:
        messages.info(
            request, _("This can’t be undone any more. Ask %(name)s to add you again.") % {"name": name}
        )
    return redirect("account:friends", pos=pos)


def no_longer_connected(link: ContactLink) -> str:
    return _("You are no longer connected with %(name)s.") % {"name": link.parent.full_name}


def undoable(request) -> ContactLink | None:
    """Return the connection the visitor has stopped in this browser, while that can be undone; else None."""
    stopped = request.session.get(STOPPED)
    if not stopped:
        return None
    since = timezone.now() - links.UNDO
    recent = ContactLink.objects.filter(pk=stopped, end_reason="declined", ended_at__gte=since)
    return recent.select_related("parent").first()
