"""The page of an invitation: the owner of the e-mail address can take over the account of a child without one."""

from django.contrib.auth import get_user_model
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language

from contacts import contacts
from contacts.linking import inviting
from contacts.models import ContactLink, LinkRequest

from . import claiming


def show(request, invitation: LinkRequest):
    """Show who invites the reader and to what; carry out the answer on POST."""
    link = invitation.link
    if request.method == "POST":
        return answer(request, invitation)
    context = {
        "link": link,
        "address": invitation.email,
        "open": is_open(link),
        "child_name": link.entered_name,
    }
    return render(request, "accounts/invitation.html", context)


def is_open(link: ContactLink) -> bool:
    """Return whether the shop in which the link was made still offers friends and family."""
    return link.origin_pos is None or link.origin_pos.friends_family_enabled


def answer(request, invitation: LinkRequest):
    """Carry out the answer; the token is used up by it."""
    action, now, link = request.POST.get("answer", ""), timezone.now(), invitation.link
    if action in {"decline", "not_me"}:
        inviting.decline(invitation, not_me=action == "not_me", now=now)
        return render(request, "accounts/link_done.html", {"done": f"invitation_{action}", "link": link})
    if action == "accept" and not is_open(link):
        return render(request, "accounts/link_done.html", {"done": "closed", "link": link}, status=409)
    if action == "accept" and (child := inviting.hand_over(invitation, now=now)):
        link.child = child
        return open_account(request, link, now)
    return redirect(request.path)  # it shows the state the invitation has now


def open_account(request, link: ContactLink, now):
    """Lead on to the child's account, depending on ``claiming.way_in``.

    To the page that chooses a password; to the child connected to the log-in of the mailbox; or, if that log-in has a
    contact here already, to the page that merges the two.
    """
    way = claiming.way_in(link.child)
    if way == claiming.PASSWORD:
        contacts.change(link.child, {"language": get_language() or ""}, by=None, now=now)
        claiming.remember(request, link, now)
        return redirect("links:claim")
    if way == claiming.LOG_IN:
        claiming.connect_to_log_in(link.child, language=get_language() or "", now=now)
    elif request.pos and get_user_model().objects.filter(email=link.child.email_key, is_active=True).exists():
        # That page shows both names and the outcome before it merges.
        return redirect("account:join_chosen", pos=request.pos.slug, contact_id=link.child_id)
    context = {"done": "accepted", "link": link, "child_name": link.child.full_name}
    return render(request, "accounts/link_done.html", context)
