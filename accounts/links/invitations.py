"""What a person who was added without an e-mail address opens from an invitation: the account can be theirs."""

from django.contrib.auth import get_user_model
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language

from contacts import contacts, inviting
from contacts.models import ContactLink, LinkRequest

from . import claiming


def show(request, invitation: LinkRequest):
    """Say who invites, and to what; the answer is a POST."""
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
    return link.origin_pos is None or link.origin_pos.friends_family_enabled


def answer(request, invitation: LinkRequest):
    """Carry out what the person decided; the token is spent with it."""
    wish, now, link = request.POST.get("answer", ""), timezone.now(), invitation.link
    if wish in {"decline", "not_me"}:
        inviting.decline(invitation, not_me=wish == "not_me", now=now)
        return render(request, "accounts/link_done.html", {"done": f"invitation_{wish}", "link": link})
    if wish == "accept" and not is_open(link):
        return render(request, "accounts/link_done.html", {"done": "closed", "link": link}, status=409)
    if wish == "accept" and (child := inviting.hand_over(invitation, now=now)):
        link.child = child
        return open_account(request, link, now)
    return redirect(request.path)  # which says what is left


def open_account(request, link: ContactLink, now):
    """Lead on to the child's account: a password, the log-in of the mailbox, or the account that it opens here already."""
    way = claiming.way_in(link.child)
    if way == claiming.PASSWORD:
        contacts.change(link.child, {"language": get_language() or ""}, by=None, now=now)
        claiming.remember(request, link, now)
        return redirect("links:claim")
    if way == claiming.LOG_IN:
        claiming.connect_to_log_in(link.child, language=get_language() or "", now=now)
    elif request.pos and get_user_model().objects.filter(email=link.child.email_key, is_active=True).exists():
        # There both names and what comes of it are shown before the two become one.
        return redirect("account:join_chosen", pos=request.pos.slug, contact_id=link.child_id)
    context = {"done": "accepted", "link": link, "child_name": link.child.full_name}
    return render(request, "accounts/link_done.html", context)
