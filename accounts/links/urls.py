"""URLs of the pages that an added person opens from the mail."""

from django.urls import path

from . import views as link_views

app_name = "links"
urlpatterns = [
    path("claim/", link_views.claim, name="claim"),
    path("<str:token>/", link_views.show, name="show"),
]
