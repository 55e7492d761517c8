"""The pages that an added person opens from the mail: accept, decline, "this is not me", claim the account."""

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from contacts import contacts, mailbox, names
from contacts.linking import links
from contacts.models import Contact, ContactLink
from ticketshop.lib.values.text import readable_email
from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.organisers.middleware import enter

from . import claiming, invitations
from .forms import ChoosePasswordForm, WhoForm


def open_request(request, token: str):
    """Return the request of a valid token, and give the page the look and language of its shop; None for any other."""
    link_request = links.request_of(token, timezone.now())
    if link_request is not None:
        enter_shop_of(request, link_request.link)
    return link_request


def enter_shop_of(request, link) -> None:
    """Give the page the look of the shop in which the link was made, if that shop is open to visitors."""
    if link.origin_pos is not None and link.origin_pos.reachable:
        enter(request, link.origin_pos)


def gone(request):
    """Return the page for a token that is used, expired, unknown or of another purpose; always the same, without a shop.

    Such tries are counted per network.
    """
    request.pos = None
    now = timezone.now()
    if not limits.hit("link_token", network(request), now):
        return too_many_requests(request, limits.wait("link_token", network(request), now))
    return render(request, "accounts/link_ended.html", status=410)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def show(request, token):
    """Show the name of the parent and the typed data; carry out the answer on POST."""
    link_request = open_request(request, token)
    if link_request is None:
        return gone(request)
    if link_request.email:
        return invitations.show(request, link_request)
    if request.method == "POST":
        return answer(request, link_request)
    return question(request, link_request.link)


def question(request, link, who: WhoForm | None = None):
    """Return the page about a link; ``who`` is the form with errors, if it was sent."""
    who = who or who_form(request, link)
    context = {
        "link": link,
        "seen": links.seen_by_parent(link),
        "open": is_open(link),
        "form": who,
        "child_name": name_of(link),
        "other_log_in": other_log_in(request, link),
        "has_errors": bool(who and who.errors),
    }
    return render(request, "accounts/link.html", context)


def who_form(request, link, data=None) -> WhoForm | None:
    """Return the form that asks who the reader is; None if the answer makes no difference."""
    if claiming.way_in(link.child) not in {claiming.PASSWORD, claiming.LOG_IN}:
        return None
    mine = readable_email(request.user.email) if own_contact_of_same_name(request, link) else ""
    return WhoForm(data, name=name_of(link), answered=typed_name_matches(link), logged_in_as=mine)


def other_log_in(request, link) -> str:
    """Return the e-mail address of the log-in open in this browser, if it is not that of the added person; else ""."""
    user = request.user
    if not user.is_authenticated or user.pk == link.child.user_id:
        return ""
    own_mailbox = link.child.user_id is None and user.email == link.child.email_key
    return "" if own_mailbox else readable_email(user.email)


def own_contact_of_same_name(request, link) -> Contact | None:
    """Return the contact of the log-in open in this browser, if it has the name of the added person; else None.

    Its e-mail address is another one: a link to the same address is answered in the account.
    """
    if not other_log_in(request, link) or link.child.user_id is not None:
        return None
    own = Contact.objects.known().filter(organiser=link.organiser_id, user=request.user).first()
    is_parent = own is not None and own.pk == link.parent_id
    return own if own is not None and not is_parent and mailbox.same_name(own, link.child) else None


def name_of(link) -> str:
    """Return the name of the added person; as the parent typed it if the contact has none."""
    return link.child.full_name or link.entered_name


def typed_name_matches(link) -> bool:
    """Return whether the name that the parent typed matches the name of the contact."""
    entered = (link.entered_first_name, link.entered_last_name)
    return names.same_person(*entered, link.child.first_name, link.child.last_name)


def is_open(link) -> bool:
    """Return whether the link can be accepted: not if the shop has switched friends and family off."""
    return invitations.is_open(link)


def answer(request, link_request):
    """Carry out the answer; the token is used up by it."""
    now, link, action = timezone.now(), link_request.link, request.POST.get("answer", "")
    if action == "accept":
        return accept(request, link_request)
    if action == "decline":
        links.decline(link, by=link.child.user, now=now)
        return render(request, "accounts/link_done.html", {"done": "declined", "link": link})
    if action == "not_me":
        links.not_me(link, by=link.child.user, now=now)
        return render(request, "accounts/link_done.html", {"done": "not_me", "link": link})
    return redirect(request.path)


def accept(request, link_request):
    """Accept the link. The added person is led on to their account; a reader of the mailbox for them is not."""
    now, link = timezone.now(), link_request.link
    if not is_open(link):
        return render(request, "accounts/link_done.html", {"done": "closed", "link": link}, status=409)
    way, form = claiming.way_in(link.child), who_form(request, link, request.POST)
    if form is not None and not form.is_valid():
        return question(request, link, form)
    who = form.who_it_is if form is not None else ("child" if way == claiming.OWN else "other")
    own = own_contact_of_same_name(request, link)
    if who == "mine" and own is not None:
        return take_over(request, link_request, own)
    consent_by = ContactLink.ConsentBy.GUARDIAN if who == "other" else ContactLink.ConsentBy.CHILD
    if not links.accept_by_mail(link_request, consent_by=consent_by, now=now):
        return gone(request)
    if who != "other" and way == claiming.PASSWORD:
        note_language(link.child, now)
        claiming.remember(request, link, now)
        return redirect("links:claim")
    if who != "other" and way == claiming.LOG_IN:
        claiming.connect_to_log_in(link.child, language=get_language(), now=now)
    done = "accepted_for" if who == "other" else "accepted"
    context = {"done": done, "link": link, "child_name": name_of(link)}
    return render(request, "accounts/link_done.html", context)


def take_over(request, link_request, own: Contact):
    """Move the connection to the person's account ``own``, which has another e-mail address."""
    if not claiming.take_over(own, link_request, by=request.user, now=timezone.now()):
        return gone(request)
    name = link_request.link.parent.full_name
    messages.success(request, _("You are connected with %(name)s.") % {"name": name})
    return redirect("account:friends", pos=request.pos.slug) if request.pos else redirect("home")


def note_language(child: Contact, now) -> None:
    """Set the language of the child's e-mails to that of this page, if it is not set yet."""
    if not child.language:
        contacts.change(child, {"language": get_language() or ""}, by=child.user, now=now)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request):
    """Show the form for the first password, in the browser that has just proved the mailbox; create the log-in on POST."""
    link = claiming.remembered(request, timezone.now())
    if link is None and request.method == "POST":
        # The half hour is over; or the button was pressed twice, and the browser shows the answer to the second press.
        text = _(
            "This page has ended. If you have just chosen a password, log in with it; else use “Forgot your password?”."
        )
        messages.info(request, text)
        return redirect("account_login")
    if link is None:
        return gone(request)
    enter_shop_of(request, link)
    form = ChoosePasswordForm(
        request.POST or None, email=link.child.email, logged_in_as=other_log_in(request, link)
    )
    if request.method == "POST" and form.is_valid():
        try:
            user = claiming.claim(
                link.child,
                form.cleaned_data["password1"],
                language=get_language() or "",
                now=timezone.now(),
            )
        except claiming.HasLogIn:
            user = claiming.log_in_with_password(link.child.email_key, form.cleaned_data["password1"])
            if user is None:
                return has_log_in(request)
        claiming.forget(request)
        return open_account(request, user)
    context = {
        "form": form,
        "link": link,
        "child_name": name_of(link),
        "other_log_in": other_log_in(request, link),
        "has_errors": bool(form.errors),
    }
    return render(request, "accounts/link_claim.html", context)


def has_log_in(request):
    """Redirect to the log-in page: a log-in for this mailbox exists by now."""
    messages.info(request, _("There is an account with this address already. Log in to see the connection."))
    return redirect("account_login")


def open_account(request, user):
    """Log the user in, with the second factor if there is one, and lead to the account."""
    if request.user.is_authenticated and request.user.pk != user.pk:
        logout(request)
    home = reverse("account:home", args=[request.pos.slug]) if request.pos else reverse("home")
    response = perform_password_login(request, {"email": user.email}, Login(user=user, redirect_url=home))
    messages.success(request, _("Your account is ready."))
    return response
