"""URLs of the visitor's account, below ``/<pos>/account/``."""

from django.urls import path

from .data import managed_views
from .data import views as data
from .friends import adding, editing, leaving
from .friends import views as friends
from .given_tickets import answering, giving, holding
from .home import views as home
from .log_in import email_change
from .orders import join_views
from .orders import views as orders
from .profile import views as profile

app_name = "account"
urlpatterns = [
    path("", home.home, name="home"),
    path("profile/", profile.profile, name="profile"),
    path("profile/email/", email_change.write_to, name="write_to"),
    path("orders/", orders.orders, name="orders"),
    path("orders/join/", join_views.join, name="join"),
    path("orders/names/<int:link_id>/", orders.names, name="names"),
    path("orders/join/<int:contact_id>/", join_views.join_chosen, name="join_chosen"),
    path("orders/offers/<int:gift_id>/", answering.gift, name="gift"),
    path("orders/tickets/<int:ticket_id>/", holding.ticket, name="ticket"),
    path("orders/tickets/<int:ticket_id>/pdf/", holding.pdf, name="ticket_pdf"),
    path("orders/tickets/<int:ticket_id>/calendar/", holding.calendar, name="ticket_calendar"),
    path("orders/tickets/<int:ticket_id>/name/", holding.name, name="ticket_name"),
    path("orders/tickets/<int:ticket_id>/answers/", holding.answers, name="ticket_answers"),
    path("orders/tickets/<int:ticket_id>/give/", giving.give, name="give"),
    path("orders/tickets/<int:ticket_id>/give-back/", giving.give_back, name="give_back"),
    path("data/", data.index, name="data"),
    path("data/copy/", data.copy, name="data_copy"),
    path("data/delete/", data.delete, name="data_delete"),
    path("data/request/", data.answer_request, name="data_request"),
    path("data/people/<int:link_id>/", managed_views.child, name="data_child"),
    path("data/people/<int:link_id>/delete/", managed_views.delete_child, name="data_child_delete"),
    path("friends-and-family/", friends.index, name="friends"),
    path("friends-and-family/new/", adding.new, name="friends_new"),
    path("friends-and-family/<int:link_id>/", friends.person, name="friends_person"),
    path("friends-and-family/<int:link_id>/edit/", editing.edit, name="friends_edit"),
    path("friends-and-family/<int:link_id>/remove/", friends.remove, name="friends_remove"),
    path("friends-and-family/<int:link_id>/undo/", friends.undo, name="friends_undo"),
    path("friends-and-family/<int:link_id>/resend/", friends.resend, name="friends_resend"),
    path("friends-and-family/<int:link_id>/seen/", friends.seen, name="friends_seen"),
    path("friends-and-family/<int:link_id>/stop/", leaving.stop, name="friends_stop"),
    path("friends-and-family/<int:link_id>/stop/undo/", leaving.undo, name="friends_stop_undo"),
    path("friends-and-family/<int:link_id>/answer/", friends.answer, name="friends_answer"),
]
