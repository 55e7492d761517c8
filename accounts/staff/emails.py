"""The mail that invites a person as staff. Its link is made when the mail leaves."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import StaffInvitation
from ticketshop.organisers.role_names import text_of
from ticketshop.organisers.staff_invitation import VALID_DAYS

from . import invitations


@register("staff_invited", _("Invitation of staff"))
def staff_invited(mail: Mail) -> Content | None:
    """Build the mail; None if the invitation was answered, was taken back or has expired."""
    rows = StaffInvitation.objects.filter(pk=mail.about["invitation"], accepted_at=None)
    invitation = rows.filter(expires_at__gt=timezone.now()).select_related("organiser", "role").first()
    if invitation is None or invitation.email != mail.recipient:
        return None
    token = invitations.new_token(invitation)
    return Content(
        {
            "organiser": invitation.organiser,
            "role": text_of(invitation.role.name),
            "days": VALID_DAYS,
            "url": settings.BASE_URL + reverse("staff_invitation", args=[token]),
        }
    )
