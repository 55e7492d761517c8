"""The URLs of entry control, below ``/door/``."""

from django.urls import path

from . import pass_views, views

app_name = "door"
urlpatterns = [
    path("", views.dates, name="dates"),
    path("<int:session>/", views.scan, name="scan"),
    path("<int:session>/people/", views.people, name="people"),
    path("<int:session>/orders/<int:order>/", views.group, name="group"),
    path("<int:session>/count/", views.count, name="count"),
    path("<int:session>/codes/", views.codes, name="codes"),
    path("<int:session>/queue/", views.queue, name="queue"),
    path("<int:session>/tickets/<int:ticket>/", views.ticket, name="ticket"),
    path("<int:session>/passes/<int:issued>/", pass_views.season_pass, name="pass"),
]
