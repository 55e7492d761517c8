"""Addresses of one's own data without a log-in, below ``/<pos>/data/``."""

from django.urls import path

from . import guest_data

app_name = "data"
urlpatterns = [
    path("", guest_data.ask, name="ask"),
    path("about/", guest_data.about, name="about"),
    path("open/<str:token>/", guest_data.open_link, name="open"),
    path("mine/", guest_data.mine, name="mine"),
    path("mine/copy/", guest_data.copy, name="copy"),
    path("mine/delete/", guest_data.delete, name="delete"),
    path("mine/request/", guest_data.answer_request, name="request"),
    path("confirm/<str:token>/", guest_data.confirm, name="confirm"),
]
