"""URLs below ``/accounts/``: those of django-allauth, some of them with views of this package."""

from django.urls import include, path, re_path

from .email_change import ConfirmView
from .views import NewPassword, PasswordReset, Reauthentication

urlpatterns = [
    path("password/reset/", PasswordReset.as_view(), name="account_reset_password"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        NewPassword.as_view(),
        name="account_reset_password_from_key",
    ),
    path("reauthenticate/", Reauthentication.as_view(), name="account_reauthenticate"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", ConfirmView.as_view(), name="account_confirm_email"),
    path("", include("accounts.staff.urls")),
    path("2fa/", include("accounts.second_factor.urls")),
    path("", include("allauth.account.urls")),
]
