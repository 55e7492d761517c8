"""URLs of the pages of personal data without a log-in, below ``/<pos>/data/``."""

from django.urls import path

from . import guest_views

app_name = "data"
urlpatterns = [
    path("", guest_views.ask, name="ask"),
    path("about/", guest_views.about, name="about"),
    path("open/<str:token>/", guest_views.open_link, name="open"),
    path("mine/", guest_views.mine, name="mine"),
    path("mine/copy/", guest_views.copy, name="copy"),
    path("mine/delete/", guest_views.delete, name="delete"),
    path("mine/request/", guest_views.answer_request, name="request"),
    path("confirm/<str:token>/", guest_views.confirm, name="confirm"),
]
