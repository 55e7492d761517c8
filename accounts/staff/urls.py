"""URLs about staff below ``/accounts/``."""

from django.urls import path

from . import views

urlpatterns = [
    path("security/", views.security, name="account_security"),
    path("security/sessions/", views.end_sessions, name="account_sessions_end"),
    path("staff/<int:membership_id>/leave/", views.leave, name="staff_leave"),
    path("staff-invitation/<str:token>/", views.invitation, name="staff_invitation"),
]
