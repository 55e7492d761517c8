"""The URLs of the shop, all below a point of sale's slug."""

from django.urls import path

from .bookings import views as bookings
from .cart import views as cart
from .checkout import answer_views
from .checkout import views as checkout
from .orders import views as orders
from .orders.pages import bills, names, pay
from .orders.withdrawal import views as withdrawal
from .papers import views as papers
from .shop import group_views
from .shop import views as shop

app_name = "shop"
ORDER = "<slug:pos>/orders/<slug:reference>/<slug:secret>/"
urlpatterns = [
    path("<slug:pos>/", shop.index, name="index"),
    path("<slug:pos>/events/<slug:slug>/", shop.event, name="event"),
    path("<slug:pos>/passes/<slug:slug>/", shop.season_pass, name="pass"),
    path("<slug:pos>/about/<slug:page>/", shop.about, name="about"),
    path("<slug:pos>/theme/<slug:fingerprint>.css", shop.theme, name="theme"),
    path("<slug:pos>/cart/", cart.show, name="cart"),
    path("<slug:pos>/cart/add/", cart.add, name="cart_add"),
    path("<slug:pos>/cart/people/", group_views.add_people, name="cart_people"),
    path("<slug:pos>/cart/update/", cart.update, name="cart_update"),
    path("<slug:pos>/checkout/", checkout.details, name="checkout"),
    path("<slug:pos>/checkout/review/", checkout.review, name="review"),
    path("<slug:pos>/withdraw/", withdrawal.withdraw, name="withdraw"),
    path(ORDER, orders.show, name="order"),
    path(f"{ORDER}tickets.pdf", orders.tickets_pdf, name="tickets_pdf"),
    path(f"{ORDER}tickets/", orders.tickets_page, name="tickets_page"),
    path(f"{ORDER}receipt/", papers.receipt, name="receipt"),
    path(f"{ORDER}receipt.pdf", papers.receipt_pdf, name="receipt_pdf"),
    path(f"{ORDER}invoice/", papers.invoice, name="invoice"),
    path(f"{ORDER}invoice/<int:year>-<int:number>.pdf", papers.invoice_pdf, name="invoice_pdf"),
    path(f"{ORDER}invoice/send/", papers.send_invoice, name="invoice_send"),
    path(f"{ORDER}terms/", papers.accepted_terms, name="accepted_terms"),
    path(f"{ORDER}calendar.ics", orders.calendar, name="calendar"),
    path(f"{ORDER}cancel/", orders.cancel, name="order_cancel"),
    path(f"{ORDER}pay/", pay.pay, name="order_pay"),
    path(f"{ORDER}qr-bill.svg", bills.code, name="qr_bill_code"),
    path(f"{ORDER}qr-bill.pdf", bills.pdf, name="qr_bill_pdf"),
    path(f"{ORDER}method/", pay.choose_method, name="order_method"),
    path(f"{ORDER}answers/", answer_views.change, name="answers"),
    path(f"{ORDER}names/", names.change, name="names"),
    path(f"{ORDER}bookings/<int:ticket>/cancel/", bookings.cancel, name="booking_cancel"),
    path("<slug:pos>/bookings/<int:issued>/", bookings.dates, name="pass_dates"),
    path("<slug:pos>/bookings/<int:issued>/<int:session>/", bookings.book, name="pass_booking"),
]
