"""What no model says: tables, storages, caches and jobs are declared too, and a claim that looks wrong is vouched for."""

import inspect
import re

from django.conf import settings
from django.core import checks
from django.db import connections, models
from procrastinate.contrib.django import app

from ticketshop.lib.personal import Expiry, Json, LastUse, NotPersonal

from . import cached_traces, registry, third_party

# A column of such a name says something of a person, unless somebody has looked and written here why not.
SUSPICIOUS = re.compile("mail|name|phone|address|birth")
VOUCHED = {
    "auth.Permission.name": "of a right",
    "auth.Permission.codename": "of a right",
    "auth.Group.name": "of a role",
    "catalogue.Allotment.name": "of a number of places",
    "catalogue.Category.name": "of a heading of the programme",
    "catalogue.SeasonPass.name": "of something sold",
    "catalogue.Tariff.name": "of something sold",
    "catalogue.Venue.name": "of a place open to the public",
    "organisers.Organiser.name": "of an organisation",
    "organisers.Organiser.legal_name": "of an organisation",
    "organisers.Organiser.link_mails_per_day": "a number",
    "organisers.Organiser.link_mails_per_week": "a number",
    "organisers.PointOfSale.name": "of a shop",
    "organisers.PointOfSale.email_sender_name": "of a shop",
    "organisers.PointOfSale.email_sender_address": "where a shop is written to",
    "privacy.PendingDeletion.name": "of a file, random",
    "procrastinate.ProcrastinateJob.args.mail_id": "a number",
    "procrastinate.ProcrastinateJob.queue_name": "of a queue",
    "procrastinate.ProcrastinateJob.task_name": "of a function",
    "procrastinate.ProcrastinatePeriodicDefer.task_name": "of a function",
    "registration_forms.RegistrationForm.name": "of a form",
}


@checks.register(checks.Tags.models)
def surroundings_are_declared(app_configs, **kwargs):
    """One error for each storage, cache and argument of a job that is not declared, or is no more, and each odd claim."""
    return [
        *_differ(
            "storage", set(settings.STORAGES), set(cached_traces.STORAGES), "traces.STORAGES", "privacy.E021"
        ),
        *_differ("cache", set(settings.CACHES), set(cached_traces.CACHES), "traces.CACHES", "privacy.E022"),
        *_arguments(),
        *_jobs(),
        *_claims(),
    ]


@checks.register(checks.Tags.database)
def every_table_is_declared(app_configs, databases=None, **kwargs):
    """One warning for each table that no model and no line of ``traces.TABLES`` speaks for.

    No error: ``migrate`` asks first, also where it is about to drop the table of a model that is no more.
    """
    models = {model._meta.db_table for model in registry.census()}
    found = set()
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute(_TABLES)
            found |= {name for (name,) in cursor.fetchall()} - models
    declared = (
        set(cached_traces.TABLES) if "django_migrations" in found else found & set(cached_traces.TABLES)
    )
    return _differ("table", found, declared, "traces.TABLES", "privacy.W020", checks.Warning)


# All schemas but PostgreSQL's own.
_TABLES = """
    SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'm', 'f') AND nspname !~ '^(pg_|information_schema$)'
"""


def _differ(
    what: str, there: set[str], declared: set[str], where: str, number: str, kind=checks.Error
) -> list:
    new = [
        f"The {what} {name} does not say what it knows about a person." for name in sorted(there - declared)
    ]
    old = [f"The {what} {name} is declared but does not exist." for name in sorted(declared - there)]
    return [kind(text, hint=f"Declare it in privacy.{where}.", id=number) for text in new + old]


def _arguments() -> list:
    """Jobs lie in the database with their arguments; no path leads from one to a person, so none may say anything."""
    known = third_party.JOB_ARGUMENTS.keys
    taken: dict[str, str] = {}
    for name, task in app.tasks.items():
        parameters = list(inspect.signature(task.func).parameters)
        taken |= dict.fromkeys(parameters[1:] if task.pass_context else parameters, name)
    new = [
        f"The job {taken[name]} takes {name}, which does not say what it knows about a person."
        for name in sorted(set(taken) - set(known))
    ]
    personal = [
        f"The argument {name} of a job knows a person, but no path leads from a job to one."
        for name, word in known.items()
        if not isinstance(word, NotPersonal)
    ]
    hint = "Pass the number of a row, and declare it in privacy.declarations.third_party.JOB_ARGUMENTS."
    return [checks.Error(text, hint=hint, id="privacy.E023") for text in new + personal]


def _jobs() -> list:
    """What is to end rows by itself is a periodic job, and looks at a day or an instant."""
    periodic = {name for name, _id in app.periodic_registry.periodic_tasks}
    errors = []
    for model in registry.census():
        for ends in registry.declaration(model).expiry:
            if ends.job not in periodic:
                errors.append(f"{model._meta.label} ends by {ends.job}, which is no periodic job.")
            errors += [
                f"{model._meta.label} ends after “{path}”, which is no day or instant."
                for path in _instants(ends)
                if not isinstance(registry.end_of(model, path), models.DateField)
            ]
    hint = "Name a periodic job and a path in “ends” (see ticketshop/lib/personal.py)."
    return [checks.Error(text, hint=hint, id="privacy.E025") for text in errors]


def _instants(ends: Expiry) -> tuple[str, ...]:
    if isinstance(ends.since, LastUse):
        return ()
    return ends.since if isinstance(ends.since, tuple) else (ends.since,)


def _claims() -> list:
    claims = {}
    for model in registry.census():
        for name, word in registry.declaration(model).columns.items():
            claims |= _claims_of(f"{model._meta.label}.{name}", name, word)
    return [
        checks.Error(
            f"{claim} says that it knows nothing about a person ({claims[claim].reason}): its name says otherwise.",
            hint="Let it say what becomes of it, or write in privacy.declarations.outside_models.VOUCHED why it is none.",
            id="privacy.E024",
        )
        for claim in sorted(set(claims) - set(VOUCHED))
    ] + [
        checks.Error(f"{claim} is vouched for but makes no such claim.", id="privacy.E024")
        for claim in sorted(set(VOUCHED) - set(claims))
    ]


def _claims_of(claim: str, name: str, word) -> dict[str, NotPersonal]:
    if isinstance(word, NotPersonal):
        return {claim: word} if SUSPICIOUS.search(name) else {}
    if not isinstance(word, Json):
        return {}
    found = {}
    for key, inner in word.keys.items():
        found |= _claims_of(f"{claim}.{key}", key, inner)
    return found
