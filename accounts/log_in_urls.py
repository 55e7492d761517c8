"""The addresses below ``/accounts/``: django-allauth's, with some pages of ours among them."""

from django.urls import include, path, re_path

from .log_in import OnceMore, PasswordReset
from .log_in_address import ConfirmView

urlpatterns = [
    path("password/reset/", PasswordReset.as_view(), name="account_reset_password"),
    path("reauthenticate/", OnceMore.as_view(), name="account_reauthenticate"),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", ConfirmView.as_view(), name="account_confirm_email"),
    path("", include("allauth.account.urls")),
]
