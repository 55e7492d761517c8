"""The account's addresses, below ``/<pos>/account/``."""

from django.urls import path

from . import views

app_name = "account"
urlpatterns = [
    path("", views.home, name="home"),
    path("profile/", views.profile, name="profile"),
    path("orders/", views.orders, name="orders"),
    path("orders/join/", views.join, name="join"),
]
