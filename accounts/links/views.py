"""What an added person opens from the mail: accept, decline, "this is not me", claim the account."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from contacts import contacts, links, mailbox, names
from contacts.models import Contact, ContactLink
from ticketshop.lib.network import network
from ticketshop.lib.refusals import too_many_requests
from ticketshop.lib.text import readable_email
from ticketshop.limits import limits
from ticketshop.organisers.middleware import enter

from . import claiming, invitations
from .forms import ChoosePasswordForm, WhoForm

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def open_request(request, token: str):
    """The open request behind a token; the page gets its shop's look and language."""
    found = links.request_of(token, timezone.now())
    if found is not None:
        enter_shop_of(request, found.link)
    return found


def enter_shop_of(request, link) -> None:
    """Give the page the look of the shop the link was made in, if visitors find pages there."""
    if link.origin_pos is not None and link.origin_pos.reachable:
        enter(request, link.origin_pos)


def gone(request):
    """One neutral page for a token that is used, expired, of another purpose or invented: no shop's look either."""
    request.pos = None
    now = timezone.now()
    if not limits.hit("link_token", network(request), now):
        return too_many_requests(request, limits.wait("link_token", network(request), now))
    return render(request, "410.html", status=410)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def show(request, token):
    """Say who added whom and with which data; the answer is a POST."""
    found = open_request(request, token)
    if found is None:
        return gone(request)
    if found.email:
        return invitations.show(request, found)
    if request.method == "POST":
        return answer(request, found)
    return question(request, found.link)


def question(request, link, who: WhoForm | None = None):
    """The page that tells about a link; ``who``: a form that came back."""
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
    """The question who one is; None where the answer makes no difference."""
    if claiming.way_in(link.child) not in {claiming.PASSWORD, claiming.LOG_IN}:
        return None
    mine = readable_email(request.user.email) if own_contact_of_same_name(request, link) else ""
    return WhoForm(data, name=name_of(link), answered=typed_name_matches(link), logged_in_as=mine)


def other_log_in(request, link) -> str:
    """The e-mail address of a log-in open in this browser that is not the one of the person who was added."""
    user = request.user
    if not user.is_authenticated or user.pk == link.child.user_id:
        return ""
    own_mailbox = link.child.user_id is None and user.email == link.child.email_key
    return "" if own_mailbox else readable_email(user.email)


def own_contact_of_same_name(request, link) -> Contact | None:
    """The contact of a log-in open in this browser that bears the name of the person who was added.

    They have another address: were it the same, the link would wait in their account.
    """
    if not other_log_in(request, link) or link.child.user_id is not None:
        return None
    own = Contact.objects.known().filter(organiser=link.organiser_id, user=request.user).first()
    is_parent = own is not None and own.pk == link.parent_id
    return own if own is not None and not is_parent and mailbox.same_name(own, link.child) else None


def name_of(link) -> str:
    """The name of the contact that was added."""
    return link.child.full_name or link.entered_name


def typed_name_matches(link) -> bool:
    """Whether the name that the parent typed matches the contact's own."""
    entered = (link.entered_first_name, link.entered_last_name)
    return names.same_person(*entered, link.child.first_name, link.child.last_name)


def is_open(link) -> bool:
    """Whether one may agree: not where the shop has switched the function off."""
    return invitations.is_open(link)


def answer(request, found):
    """Carry out what the person decided; the token is spent with it."""
    now, link, wish = timezone.now(), found.link, request.POST.get("answer", "")
    if wish == "accept":
        return accept(request, found)
    if wish == "decline":
        links.decline(link, by=link.child.user, now=now)
        return render(request, "accounts/link_done.html", {"done": "declined", "link": link})
    if wish == "not_me":
        links.not_me(link, by=link.child.user, now=now)
        return render(request, "accounts/link_done.html", {"done": "not_me", "link": link})
    return redirect(request.path)


def accept(request, found):
    """Agree; whoever says that they are the contact goes on to its account, whoever reads the mailbox for it does not."""
    now, link = timezone.now(), found.link
    if not is_open(link):
        return render(request, "accounts/link_done.html", {"done": "closed", "link": link}, status=409)
    way, form = claiming.way_in(link.child), who_form(request, link, request.POST)
    if form is not None and not form.is_valid():
        return question(request, link, form)
    who = form.who_it_is if form is not None else ("child" if way == claiming.OWN else "other")
    own = own_contact_of_same_name(request, link)
    if who == "mine" and own is not None:
        return take_over(request, found, own)
    consent_by = ContactLink.ConsentBy.GUARDIAN if who == "other" else ContactLink.ConsentBy.CHILD
    if not links.accept_by_mail(found, consent_by=consent_by, now=now):
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


def take_over(request, found, own: Contact):
    """The person has an account here under another address: the connection becomes that account's."""
    if not claiming.take_over(own, found, by=request.user, now=timezone.now()):
        return gone(request)
    name = found.link.parent.full_name
    messages.success(request, _("You are connected with %(name)s.") % {"name": name})
    return redirect("account:friends", pos=request.pos.slug) if request.pos else redirect("home")


def note_language(child: Contact, now) -> None:
    """Who answers in a language is written to in it, unless they have said otherwise."""
    if not child.language:
        contacts.change(child, {"language": get_language() or ""}, by=child.user, now=now)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request):
    """Choose a password: the mailbox was proved by the link a moment ago, in this browser."""
    link = claiming.remembered(request, timezone.now())
    if link is None and request.method == "POST":
        # The half hour is over; or the button was pressed twice, and nobody waited for the answer to the first press.
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
    """Somebody chose a password for this mailbox a moment ago."""
    messages.info(request, _("There is an account with this address already. Log in to see the connection."))
    return redirect("account_login")


def open_account(request, user):
    login(request, user, backend=BACKEND)
    messages.success(request, _("Your account is ready."))
    return redirect("account:home", pos=request.pos.slug) if request.pos else redirect("home")
