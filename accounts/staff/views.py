"""The page behind the mailed invitation of staff, and the page by which a member leaves."""

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ticketshop.lib.values.text import readable_email
from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.office import time_zones
from ticketshop.organisers import staff
from ticketshop.organisers.middleware import next_query
from ticketshop.organisers.models import StaffInvitation, StaffMembership
from ticketshop.organisers.role_names import text_of

from ..links import claiming
from ..links.forms import PasswordForm
from ..log_in import devices
from ..second_factor import factors
from . import invitations

# What the page offers: accept; log in with the invited address; log out of another log-in; choose a password.
ACCEPT, LOG_IN, OTHER, JOIN = "accept", "log_in", "other", "join"


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request, token):
    """Show who invites and to which role; carry out the answer on POST."""
    now = timezone.now()
    invited = invitations.of_token(token, now)
    if invited is None:
        return gone(request)
    if invited.accepted_at is not None:
        return accept(request, invited) if request.method == "POST" else answered(request, invited)
    action = request.POST.get("answer", "")
    if action == "decline":
        by = request.user if _state(request, invited) == ACCEPT else None
        invitations.end(invited, "staff_invitation_declined", by=by, now=now)
        return render(request, "accounts/staff_declined.html", {"organiser": invited.organiser})
    state = _state(request, invited)
    if action == "accept" and state == ACCEPT:
        return accept(request, invited)
    if action == "join" and state == JOIN:
        return join(request, invited)
    return page(request, invited, state, PasswordForm(email=invited.email))


def _state(request, invited: StaffInvitation) -> str:
    """Return what the page offers to this visitor."""
    if request.user.is_authenticated:
        return ACCEPT if claiming.proved_address(request.user) == invited.email else OTHER
    return LOG_IN if invitations.has_log_in(invited.email) else JOIN


def page(request, invited: StaffInvitation, state: str, form: PasswordForm):
    """Return the page of an open invitation."""
    context = {
        "organiser": invited.organiser,
        "role": text_of(invited.role.name),
        "address": readable_email(invited.email),
        "state": state,
        "form": form,
        "has_errors": bool(form.errors),
    }
    return render(request, "accounts/staff_invitation.html", context)


def accept(request, invited: StaffInvitation):
    """Make the visitor staff, and lead to the back office or the door."""
    if not request.user.is_authenticated:
        return redirect(request.path)
    membership = invitations.accept(invited, request.user, now=timezone.now())
    if membership is None:
        return gone(request)
    _welcome(request, invited)
    return redirect("admin:login")


def answered(request, invited: StaffInvitation):
    """Redirect the new member to the back office; other visitors see that the link is used."""
    user = request.user
    member = StaffMembership.objects.filter(organiser=invited.organiser_id, user=user.pk)
    return redirect("admin:login") if user.is_authenticated and member.exists() else gone(request)


def join(request, invited: StaffInvitation):
    """Create the log-in of a new person, make it staff and log it in; show the form again if the password is refused."""
    form = PasswordForm(request.POST, email=invited.email)
    if not form.is_valid():
        return page(request, invited, JOIN, form)
    now, password = timezone.now(), form.cleaned_data["password1"]
    try:
        user = invitations.accept_with_password(invited, password, now=now)
    except claiming.HasLogIn:
        user = None
    if user is None:
        # The button was pressed twice, and the browser shows the answer to the second press.
        user = claiming.log_in_with_password(invited.email, password)
        if user is None or invitations.accept(invited, user, now=now) is None:
            return redirect(request.path)
    _welcome(request, invited)
    log_in = Login(user=user, redirect_url=reverse("admin:login"))
    return perform_password_login(request, {"email": user.email}, log_in)


def _welcome(request, invited: StaffInvitation) -> None:
    sentence = _("You are a member of the staff of %(organiser)s now.")
    messages.success(request, sentence % {"organiser": invited.organiser.name})


def gone(request):
    """Return the page for a link that is used, taken back, expired or unknown. Such tries are counted per network."""
    now = timezone.now()
    if not limits.hit("link_token", network(request), now):
        return too_many_requests(request, limits.wait("link_token", network(request), now))
    return render(request, "accounts/staff_gone.html", status=410)


@require_http_methods(["GET", "HEAD", "POST"])
def leave(request, membership_id: int):
    """Ask, and end the visitor's own membership on POST."""
    own = StaffMembership.objects.filter(user=request.user).select_related("organiser", "role")
    membership = get_object_or_404(own, pk=membership_id)
    only_owner = False
    if request.method == "POST":
        try:
            staff.remove(membership, by=request.user, now=timezone.now())
        except staff.LastOwner:
            only_owner = True
        else:
            sentence = _("You are not a member of the staff of %(organiser)s any more.")
            messages.success(request, sentence % {"organiser": membership.organiser.name})
            return redirect("account_security")
    context = {
        "organiser": membership.organiser,
        "role": text_of(membership.role.name),
        "only_owner": only_owner,
    }
    status = 409 if only_owner else 200
    return render(request, "accounts/staff_leave.html", context, status=status)


@require_safe
def security(request):
    """Show what protects the visitor's log-in, and where they work."""
    if request.pos is None:
        # A page of the platform has no time zone of its own.
        time_zones.activate(request.user)
    members = StaffMembership.objects.filter(user=request.user).select_related("organiser", "role")
    context = {
        "time_zone": timezone.get_current_timezone(),
        "memberships": [
            (member, text_of(member.role.name)) for member in members.order_by("organiser__name")
        ],
        "factors": factors.types_of(request.user),
        "is_needed": factors.is_needed(request.user),
        "sessions": devices.of(request.user, request.session.session_key),
    }
    return render(request, "accounts/security.html", context)


@require_POST
def end_sessions(request):
    """End one log-in session of the visitor, or all others."""
    chosen = request.POST.get("session", "")
    if chosen == "others":
        devices.end(request.user, but=request.session.session_key)
        messages.success(request, _("You are logged out on all other devices."))
    elif devices.end_marked(request.user, chosen):
        messages.success(request, _("That device is logged out."))
    else:
        messages.info(request, _("That device was logged out already."))
    return redirect(reverse("account_security") + next_query(request))
