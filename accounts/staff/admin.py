"""Back office: invitations of staff, and the buttons of a member: another role, remove. For owners, limited to their organiser."""

from datetime import datetime

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from ticketshop.history import history
from ticketshop.lib.values.text import readable_email
from ticketshop.limits import limits
from ticketshop.office.admin import RoleField, StaffMembershipAdmin
from ticketshop.office.buttons import Button, Outcome, always
from ticketshop.office.scoped_admin import ScopedAdmin, ScopedForm
from ticketshop.organisers import permissions, staff
from ticketshop.organisers.models import StaffInvitation, StaffMembership
from ticketshop.organisers.role_names import ROLES, text_of

from ..log_in import devices
from ..models import User
from ..second_factor import factors
from . import invitations

MANAGE = ("organisers.manage_staff",)
LAST_OWNER = gettext_lazy("This is the only owner who can log in. Make another member owner first.")
INVITED = gettext_lazy(
    "This address is invited already. Open the invitation in the list to send it again, or to take it back."
)


def roles():
    """Return the roles that an owner can give: those of organisers, none of the platform."""
    return Group.objects.filter(name__in=ROLES).order_by("name")


class InvitationForm(ScopedForm):
    """A new invitation: an e-mail address and a role."""

    role = RoleField(label=gettext_lazy("Role"), queryset=Group.objects.none())

    class Meta:
        model = StaffInvitation
        fields = ["email", "role"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            self.fields["role"].queryset = roles()

    def clean(self):
        values = super().clean()
        known = self.instance.organiser if self.instance.organiser_id else None
        organiser = values.get("organiser") or known
        if values.get("email") and organiser:
            # Until the end of the transaction, so that the same address sent twice at once is refused and not an error.
            limits.lock("staff_invite", str(organiser.pk))
            of_address = {"organiser": organiser, "email": values["email"]}
            if StaffMembership.objects.filter(organiser=organiser, user__email=values["email"]).exists():
                self.add_error(
                    "email", _("This person is a member of your staff. Change the role in the list “Staff”.")
                )
            elif StaffInvitation.objects.filter(**of_address, accepted_at=None).exists():
                self.add_error("email", INVITED)
        return values

    def _post_clean(self):
        """Count the mail last, when the constraints of the row are checked too."""
        super()._post_clean()
        if not self.errors and not invitations.may_send(self.instance, timezone.now()):
            self.add_error("email", _limited())


def _is_open(invitation: StaffInvitation) -> bool:
    return invitation.accepted_at is None


def _answered() -> Outcome:
    return messages.WARNING, _("Nothing changed: the invitation was answered or taken back meanwhile.")


def _limited() -> str:
    return _(
        "Too many invitations: up to 3 a day go to one address, and up to 30 from one organiser. Try again tomorrow."
    )


def _send_again(request, invitation: StaffInvitation, now: datetime) -> Outcome:
    if not invitations.may_send(invitation, now):
        return messages.WARNING, _limited()
    if not invitations.send_again(invitation, by=request.user, now=now):
        return _answered()
    return messages.SUCCESS, _("The e-mail goes out in a moment. The link in an earlier one stops working.")


def _send_again_question(invitation: StaffInvitation) -> list[str]:
    sentence = _("%(address)s gets a new link. The link in an earlier e-mail stops working.")
    return [sentence % {"address": readable_email(invitation.email)}]


def _take_back(request, invitation: StaffInvitation, now: datetime) -> Outcome:
    if not invitations.end(invitation, "staff_invitation_withdrawn", by=request.user, now=now):
        return _answered()
    return messages.SUCCESS, _("The invitation is taken back: its link no longer works.")


def _take_back_question(invitation: StaffInvitation) -> list[str]:
    sentence = _("The link in the e-mail to %(address)s stops working. Nobody is told.")
    return [sentence % {"address": readable_email(invitation.email)}]


@admin.register(StaffInvitation)
class StaffInvitationAdmin(ScopedAdmin):
    """Open invitations. A new one sends a mail; afterwards it can be sent again or taken back, and not changed."""

    form = InvitationForm
    list_display = ["address", "role_text", "organiser", "created_at", "valid_until"]
    list_filter = ["organiser"]
    list_select_related = ["role", "organiser"]
    ordering = ["-pk"]
    fields = ["email", "role"]
    buttons = (
        Button("send-again", gettext_lazy("Send again"), MANAGE, _is_open, _send_again_question, _send_again),
        Button("take-back", gettext_lazy("Take back"), MANAGE, _is_open, _take_back_question, _take_back),
    )

    def get_queryset(self, request):
        return super().get_queryset(request).filter(accepted_at=None)

    def has_change_permission(self, request, obj=None):
        return False

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm(self.permission("view"), obj)

    def get_fields(self, request, obj=None):
        return ["address", "role_text", "created_at", "valid_until"] if obj else self.fields

    def get_readonly_fields(self, request, obj=None):
        columns = ["address", "role_text", "created_at", "valid_until"] if obj else []
        return [*super().get_readonly_fields(request, obj), *columns]

    @admin.display(description=gettext_lazy("e-mail address"))
    def address(self, invitation):
        return readable_email(invitation.email)

    @admin.display(description=gettext_lazy("role"))
    def role_text(self, invitation):
        return text_of(invitation.role.name)

    @admin.display(description=gettext_lazy("link valid until"))
    def valid_until(self, invitation):
        if invitation.expires_at <= timezone.now():
            return _("over: send it again")
        # On the page of a row Django shows what a method returns as it is.
        return date_format(timezone.localtime(invitation.expires_at), "DATETIME_FORMAT")

    def save_model(self, request, obj, form, change):
        """Send the invitation. The answer is the same whether the address has a log-in or not."""
        invitations.invite(obj, by=request.user, language=get_language() or "en", now=timezone.now())

    def log_addition(self, request, obj, message):
        """Write nothing: ``invitations.invite`` has recorded the invitation."""

    def response_add(self, request, obj, post_url_continue=None):
        sentence = _("%(address)s is invited. The e-mail goes out in a moment.")
        messages.success(request, sentence % {"address": readable_email(obj.email)})
        return self.response_post_save_add(request, obj)

    def heading(self, row):
        return readable_email(row.email)


# --- buttons of a member ------------------------------------------------------------------------------
class RoleForm(forms.Form):
    """Another role of a member of staff."""

    role = RoleField(label=gettext_lazy("Role"), queryset=Group.objects.none(), empty_label=None)

    def __init__(self, data, membership: StaffMembership):
        super().__init__(data, initial={"role": membership.role_id})
        self.fields["role"].queryset = roles()


def _who(membership: StaffMembership) -> dict[str, str]:
    return {
        "address": readable_email(membership.user.email),
        "role": text_of(membership.role.name),
        "organiser": membership.organiser.name,
    }


def _why_not_last(user, membership: StaffMembership) -> str:
    return str(LAST_OWNER) if staff.is_last_owner(membership) else ""


def _change_role(request, membership: StaffMembership, now: datetime, values: dict) -> Outcome:
    try:
        changed = staff.change_role(membership, values["role"], by=request.user, now=now)
    except staff.LastOwner as error:
        raise ValidationError(LAST_OWNER) from error
    if not changed:
        return messages.WARNING, _("Nothing changed.")
    return messages.SUCCESS, _("The new role applies from now on.")


def _change_role_question(membership: StaffMembership) -> list[str]:
    return [
        _("%(address)s has the role “%(role)s” at %(organiser)s.") % _who(membership),
        _("The new role applies from this person’s next click."),
    ]


def _remove(request, membership: StaffMembership, now: datetime) -> Outcome:
    try:
        removed = staff.remove(membership, by=request.user, now=now)
    except staff.LastOwner:
        return messages.ERROR, str(LAST_OWNER)
    if not removed:
        return messages.WARNING, _("Nothing changed: this person had left already.")
    return messages.SUCCESS, _("%(address)s is not a member of your staff any more.") % _who(membership)


def _remove_question(membership: StaffMembership) -> list[str]:
    return [
        _("%(address)s (%(role)s) is not a member of the staff of %(organiser)s any more.")
        % _who(membership),
        _(
            "The access to the back office and the door ends at once, on all devices. Invitations that this person sent and that"
            " nobody has accepted are taken back. The log-in stays: it may be used as a visitor."
        ),
    ]


StaffMembershipAdmin.offer(
    Button(
        "change-role",
        gettext_lazy("Another role"),
        MANAGE,
        always,
        _change_role_question,
        _change_role,
        form=RoleForm,
        asks_password=always,
        why_not=_why_not_last,
    )
)


def _end_sessions(request, membership: StaffMembership, now: datetime) -> Outcome:
    devices.end(membership.user)
    history.record(membership, "sessions_ended", by=request.user, now=now)
    return messages.SUCCESS, _("%(address)s is logged out on all devices.") % _who(membership)


def _end_sessions_question(membership: StaffMembership) -> list[str]:
    sentence = _(
        "%(address)s is logged out on all devices, also as a visitor, and can log in again. For a lost phone, this person chooses a new password afterwards."
    )
    return [sentence % _who(membership)]


StaffMembershipAdmin.offer(
    Button(
        "end-sessions",
        gettext_lazy("Log out everywhere"),
        MANAGE,
        always,
        _end_sessions_question,
        _end_sessions,
        asks_password=always,
    )
)


def _is_staff_elsewhere(user: User, *, of: User) -> bool:
    """Return whether a member is also staff of an organiser whose staff the user ``of`` does not manage: the factor protects that too."""
    managed = permissions.organisers_where(of, *MANAGE)
    if managed is None:
        return False
    return StaffMembership.objects.filter(user=user).exclude(organiser__in=managed).exists()


def _why_not_reset(by: User, membership: StaffMembership) -> str:
    """Return why ``by`` can't reset the second factor of a member; empty if they may try.

    What only ``_reset_factor`` says would tell on the member's page that the person works for another organiser, too.
    """
    if membership.user_id == by.pk:
        return _("You can’t reset your own. Use a recovery code, or ask another owner.")
    return "" if factors.types_of(membership.user) else _("This person has no second step at the log-in.")


def _reset_factor(request, membership: StaffMembership, now: datetime) -> Outcome:
    user = membership.user
    if user.is_superuser:
        return messages.ERROR, _("This is an administrator of the platform: only the platform can reset it.")
    if _is_staff_elsewhere(user, of=request.user):
        return messages.ERROR, _(
            "Only the administrator of the platform can reset it for this person. Ask them, and tell them that you have called the person back."
        )
    return reset_factor(user, membership, by=request.user, now=now)


def reset_factor(user: User, row: Model, *, by: User, now: datetime) -> Outcome:
    """Reset the second factor of a user, and record it in the history of ``row``. Return what to tell the staff member."""
    if not factors.reset(user, now=now):
        return messages.WARNING, _("Nothing changed: this person has no second step at the log-in.")
    history.record(row, "second_factor_reset", by=by, now=now)
    return messages.SUCCESS, _("The second step is reset, and the person is told by e-mail.")


def reset_factor_question(user: User) -> list[str]:
    """Return what will happen when the second factor of a user is reset."""
    return [
        _(
            "%(address)s can’t use the app, the key or the recovery codes any more, and is logged out everywhere."
        )
        % {"address": readable_email(user.email)},
        _(
            "The next log-in asks for the password alone, then for a new second step. Make sure first that it is the person who asks you: call them back."
        ),
    ]


StaffMembershipAdmin.offer(
    Button(
        "reset-second-factor",
        gettext_lazy("Reset the second step"),
        MANAGE,
        always,
        lambda membership: reset_factor_question(membership.user),
        _reset_factor,
        serious=True,
        asks_password=always,
        why_not=_why_not_reset,
    )
)
StaffMembershipAdmin.offer(
    Button(
        "remove",
        gettext_lazy("Remove from the staff"),
        MANAGE,
        always,
        _remove_question,
        _remove,
        serious=True,
        asks_password=always,
        why_not=_why_not_last,
    )
)
