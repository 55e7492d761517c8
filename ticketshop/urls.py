"""All URLs. Those of shops come last, because they begin with the slug of the shop; the other first parts are reserved."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from accounts.links import first_password
from ticketshop import views
from ticketshop.mail import mailbox, webhooks
from ticketshop.sales.payments import hooks
from ticketshop.sales.shop import views as shop

handler400 = "ticketshop.views.bad_request"
handler403 = "ticketshop.views.forbidden"
handler404 = "ticketshop.views.not_found"
# Used by django-allauth when a limit of log-ins is reached.
handler429 = "ticketshop.views.too_many_requests"
handler500 = "ticketshop.views.server_error"


@login_not_required
@require_safe
def favicon(request):
    """Redirect to the icon. Browsers request this URL even if a page names another one."""
    return RedirectView.as_view(url=static("shop/favicon.ico"), permanent=False)(request)


urlpatterns = [
    path("", shop.home, name="home"),
    path("health/live", views.live, name="live"),
    path("health/ready", views.ready, name="ready"),
    path("favicon.ico", favicon, name="favicon"),
    path("robots.txt", views.robots, name="robots"),
    path(".well-known/security.txt", views.security, name="security"),
    path("i18n/language/", shop.language, name="language"),
    path("accounts/first-password/<str:token>/", first_password.choose, name="first_password"),
    path("accounts/", include("accounts.log_in.urls")),
    path("links/", include("accounts.links.urls")),
    path("admin/", admin.site.urls),
    path("door/", include("ticketshop.sales.door.urls")),
    path("hooks/mail/<slug:provider>/tracking/", webhooks.tracking, name="mail_webhook"),
    path("hooks/<slug:method>/<slug:pos>/", hooks.receive, name="payment_hook"),
    # Images of the catalogue only; visitors can't upload files.
    re_path(r"^media/(?P<path>(?:events|passes|logos)/[\w.-]+)$", views.media, name="media"),
]
if settings.DEMO:
    urlpatterns.append(path("mailbox/", login_not_required(mailbox.page), name="mailbox"))
urlpatterns += [
    path("<slug:pos>/account/", include("accounts.urls")),
    path("<slug:pos>/data/", include("accounts.data.urls")),
    path("", include("ticketshop.sales.urls")),
]
