"""Pages of the second factor that differ from those of ``allauth.mfa``."""

from allauth.account.decorators import reauthentication_required
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.internal.flows.add import redirect_if_add_not_allowed
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _

from . import factors

QUIET = 4  # modules of white around the code: ISO/IEC 18004


@method_decorator(redirect_if_add_not_allowed, name="dispatch")
@method_decorator(reauthentication_required(app="allauth.mfa"), name="dispatch")
class ActivateTOTP(ActivateTOTPView):
    """The page with the secret of the one-time codes, as a QR code and as text."""

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        return {**context, **qr_code(context["totp_url"])}

    def get_form(self, form_class=None):
        """Return the form with a label of our own, and the keyboard of digits."""
        form = super().get_form(form_class)
        form.fields["code"].label = _("Code")
        form.fields["code"].widget.attrs["inputmode"] = "numeric"
        return form

    def form_valid(self, form):
        """Also count the factor as used in this session."""
        response = super().form_valid(form)
        authenticator = Authenticator.objects.get(user=self.request.user, type=Authenticator.Type.TOTP)
        factors.added(None, self.request, self.request.user, authenticator)
        return response


class Authenticate(AuthenticateView):
    """The second step of a log-in. Security keys are offered to those who have one."""

    def get_context_data(self, **kwargs):
        if Authenticator.Type.WEBAUTHN not in factors.types_of(self.stage.login.user):
            self.webauthn_form = None
        return super().get_context_data(**kwargs)


def qr_code(text: str) -> dict:
    """Return ``qr_path``, the d of an SVG path of one unit per module, and ``qr_size``, the width of the picture."""
    import segno  # noqa: PLC0415  few requests need it

    matrix = segno.make(text, error="m", micro=False).matrix
    dark = [
        f"M{column + QUIET} {row + QUIET}h1v1h-1z"
        for row, modules in enumerate(matrix)
        for column, module in enumerate(modules)
        if module
    ]
    return {"qr_path": "".join(dark), "qr_size": len(matrix) + 2 * QUIET}
