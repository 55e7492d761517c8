"""What an added person opens from the mail: accept, decline, "this is not me", claim the account."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from contacts import links, names
from contacts.models import ContactLink
from ticketshop.lib.network import network
from ticketshop.lib.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.organisers.middleware import enter

from . import claiming
from .claiming_forms import ChoosePasswordForm, WhoForm


def request_or_none(request, token: str):
    """The open request behind a token; the page gets its shop's look and language."""
    found = links.request_of(token, timezone.now())
    if found is not None:
        enter_shop_of(request, found.link)
    return found


def enter_shop_of(request, link) -> None:
    """Give the page the look of the shop the link was made in, while that sells."""
    if link.origin_pos is not None and link.origin_pos.active:
        enter(request, link.origin_pos)


def gone(request):
    """One neutral page for a token that is used, expired, of another purpose or invented: no shop's look either."""
    request.pos = None
    if not limits.hit("link_token", network(request), timezone.now()):
        return too_many_requests(request)
    return render(request, "410.html", status=410)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def show(request, token):
    """Say who added whom and with which data; the answer is a POST."""
    found = request_or_none(request, token)
    if found is None:
        return gone(request)
    if request.method == "POST":
        return answer(request, found)
    return question(request, found.link)


def question(request, link, who: WhoForm | None = None):
    """The page that tells about a link; ``who``: a form that came back."""
    who = who or who_form(link)
    context = {
        "link": link,
        "seen": links.seen_by_parent(link),
        "open": is_open(link),
        "form": who,
        "has_errors": bool(who and who.errors),
    }
    return render(request, "accounts/link.html", context)


def who_form(link, data=None) -> WhoForm | None:
    """The question who one is; None where the answer makes no difference."""
    if claiming.way_in(link.child) not in {claiming.PASSWORD, claiming.LOG_IN}:
        return None
    return WhoForm(data, name=name_of(link), answered=named_alike(link))


def name_of(link) -> str:
    """The name of the contact that was added."""
    return link.child.full_name or link.entered_name


def named_alike(link) -> bool:
    """Whether the name that the parent typed matches the contact's own."""
    entered = (link.entered_first_name, link.entered_last_name)
    return names.same_person(*entered, link.child.first_name, link.child.last_name)


def is_open(link) -> bool:
    """Whether one may agree: not where the shop has switched the function off."""
    return link.origin_pos is None or link.origin_pos.friends_family_enabled


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
    way, who = claiming.way_in(link.child), who_form(link, request.POST)
    if who is not None and not who.is_valid():
        return question(request, link, who)
    is_child = who.is_child if who is not None else way == claiming.OWN
    consent_by = ContactLink.ConsentBy.CHILD if is_child else ContactLink.ConsentBy.GUARDIAN
    if not links.accept_by_mail(found, consent_by=consent_by, now=now):
        return gone(request)
    if is_child and way == claiming.PASSWORD:
        claiming.remember(request, link, now)
        return redirect("links:claim")
    if is_child and way == claiming.LOG_IN:
        claiming.give_to_log_in(link.child, now=now)
    context = {
        "done": "accepted" if is_child else "accepted_for",
        "link": link,
        "child_name": name_of(link),
    }
    return render(request, "accounts/link_done.html", context)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request):
    """Choose a password: the mailbox was proved by the link a moment ago, in this browser."""
    link = claiming.remembered(request, timezone.now())
    if link is None:
        return gone(request)
    enter_shop_of(request, link)
    form = ChoosePasswordForm(request.POST or None, email=link.child.email)
    if request.method == "POST" and form.is_valid():
        try:
            user = claiming.claim(link.child, form.cleaned_data["password1"], now=timezone.now())
        except claiming.HasLogIn:
            messages.info(
                request, _("There is an account with this address already. Log in to see the connection.")
            )
            return redirect("account_login")
        claiming.forget(request)
        login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
        messages.success(request, _("Your account is ready."))
        return redirect("account:home", pos=request.pos.slug) if request.pos else redirect("home")
    context = {"form": form, "link": link, "has_errors": bool(form.errors)}
    return render(request, "accounts/link_claim.html", context)
