"""The addresses below ``/accounts/``: django-allauth's, with two pages of ours among them."""

from django.urls import include, path

from .log_in import OnceMore, PasswordReset

urlpatterns = [
    path("password/reset/", PasswordReset.as_view(), name="account_reset_password"),
    path("reauthenticate/", OnceMore.as_view(), name="account_reauthenticate"),
    path("", include("allauth.account.urls")),
]
