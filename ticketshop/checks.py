"""System checks for ``check --deploy``, in addition to Django's."""

from pathlib import Path

from django.conf import settings
from django.core.checks import Error, Tags, register
from django.core.checks import Warning as Advice
from django.db import OperationalError
from django.utils.module_loading import import_string

from ticketshop import installation
from ticketshop.mail import webhooks


@register(Tags.security, deploy=True)
def demo_is_off(app_configs, **kwargs):
    """Refuse the demo in production: it shows every mail and has known passwords."""
    if settings.DEMO:
        return [
            Error(
                "DEMO is on: mails and known passwords would be public.",
                hint="Unset DEMO.",
                id="ticketshop.E001",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def timeouts_are_set(app_configs, **kwargs):
    """Check that no request or mail can take longer than its limit."""
    options = settings.DATABASES["default"]["OPTIONS"].get("options", "")
    missing = [
        name
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        if name not in options
    ]
    errors = [Error(f"The database connection has no {name}.", id="ticketshop.E002") for name in missing]
    if not settings.EMAIL_TIMEOUT:
        errors.append(
            Error(
                "EMAIL_TIMEOUT is not set: a silent mail server would hold a worker for ever.",
                id="ticketshop.E003",
            )
        )
    if settings.DATABASES["default"]["ENGINE"] != "ticketshop.lib.database":
        errors.append(
            Error(
                "Database connections are not looked at before use: requests would fail after a restart.",
                id="ticketshop.E004",
            )
        )
    return errors


@register(Tags.security, deploy=True)
def https_only(app_configs, **kwargs):
    """Check that BASE_URL is https, because cookies are Secure and __Host- only then."""
    if not settings.HTTPS:
        return [
            Error("BASE_URL is not https.", hint="Set BASE_URL to the public address.", id="ticketshop.E005")
        ]
    return []


@register(Tags.security, deploy=True)
def mail_reports_are_open(app_configs, **kwargs):
    """Warn if delivery reports of the mail service would be refused because nothing proves their origin."""
    package, _, provider = settings.EMAIL_BACKEND.removesuffix(".EmailBackend").rpartition(".")
    if package != "anymail.backends" or provider not in webhooks.VIEWS:
        return []
    try:
        webhooks.view_of(provider)
    except webhooks.Closed:
        return [
            Advice(
                "Reports of e-mails that came back are refused: nothing proves that they come from the mail service.",
                hint='Set "WEBHOOK_SECRET" in ANYMAIL, or the signing key of the service.',
                id="ticketshop.W101",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def mail_service_settings(app_configs, **kwargs):
    """Run the checks of django-anymail. It is no installed app, because it would load its HTTP client in every process."""
    from anymail import checks  # noqa: PLC0415

    return [*checks.check_deprecated_settings(app_configs), *checks.check_insecure_settings(app_configs)]


@register(Tags.security, deploy=True)
def mail_backend_exists(app_configs, **kwargs):
    """Check that EMAIL_BACKEND can be imported."""
    try:
        import_string(settings.EMAIL_BACKEND)
    except ImportError as error:
        message = f"There is no mail backend {settings.EMAIL_BACKEND}: {error}"
        return [Error(message, hint="Mend the environment variable EMAIL_BACKEND.", id="ticketshop.E013")]
    return []


@register(Tags.security, deploy=True)
def stripe_keys_have_one_name(app_configs, **kwargs):
    """Warn if several names have the same secret key of Stripe: then two organisers may use one account."""
    names: dict[str, list[str]] = {}
    for name, keys in settings.STRIPE_ACCOUNTS.items():
        if key := keys.get("SECRET_KEY"):
            names.setdefault(key, []).append(f"STRIPE_{name}_SECRET_KEY")
    return [
        Advice(
            f"{' and '.join(same)} contain the same key.",
            hint="Names of one organiser may stay, each with the webhook secrets of its points of sale. Two organisers need two"
            " Stripe accounts. How to give up a name: “Two names of one key” in ticketshop/docs/payment-methods.md.",
            id="ticketshop.W104",
        )
        for same in names.values()
        if len(same) > 1
    ]


@register(Tags.security, deploy=True)
def pictures_survive(app_configs, **kwargs):
    """Warn if uploaded pictures are stored in the folder that `make reset` deletes."""
    if settings.DEMO or not Path(settings.MEDIA_ROOT).resolve().is_relative_to(settings.BASE_DIR / "var"):
        return []
    return [
        Advice(
            "Pictures that staff upload lie in var/ of the project, which `make run` and `make reset` take for the demo’s.",
            hint="Set VAR_DIR, or MEDIA_ROOT, to a folder outside of the project, such as /var/lib/ticketshop.",
            id="ticketshop.W103",
        )
    ]


FAULT_IDS = {
    "version": "E006",
    "locale": "E007",
    "rights": "E008",
    "migrations": "E009",
    "cache": "E010",
    "static": "E011",
}


def _error(fault: installation.Fault) -> Error:
    return Error(fault.message, hint=fault.hint, id=f"ticketshop.{FAULT_IDS[fault.code]}")


@register(Tags.database)
def database_fits(app_configs, databases=None, **kwargs):
    """Check server and database. Runs before `migrate` too, so that no tables are created in an unsuitable database."""
    return [_error(fault) for fault in installation.unfit_database()] if databases else []


@register(Tags.security, deploy=True)
def installation_is_complete(app_configs, **kwargs):
    """Check rights, tables, migrations and static files."""
    try:
        errors = [_error(fault) for fault in installation.faults()]
        advice = [] if errors else installation.missing_maintain()
    except OperationalError as error:
        hint = "Set DATABASE_URL to a server that runs."
        return [Error(f"The database does not answer: {error}", hint=hint, id="ticketshop.E012")]
    return errors + [
        Advice(
            f"After an erasure nobody renews the planner’s samples of values: {fault.message}",
            hint=fault.hint,
            id="ticketshop.W102",
        )
        for fault in advice
    ]
