"""URLs of the second factor below ``/accounts/2fa/``: those of ``allauth.mfa``."""

from django.urls import include, path
from django.views.generic import RedirectView

from .views import ActivateTOTP, Authenticate

urlpatterns = [
    # The overview is on the page *Security*.
    path("", RedirectView.as_view(pattern_name="account_security", query_string=True), name="mfa_index"),
    path("totp/activate/", ActivateTOTP.as_view(), name="mfa_activate_totp"),
    path("authenticate/", Authenticate.as_view(), name="mfa_authenticate"),
    path("", include("allauth.mfa.urls")),
]
