"""Checks for personal data that no model column declares: tables, storages, caches and jobs.

Also for columns declared as not personal although their name suggests the opposite.
"""

import inspect
import re
from collections.abc import Iterable

from django.conf import settings
from django.core import checks
from django.db import connections, models
from procrastinate.contrib.django import app

from ticketshop.lib.personal import Expiry, Json, LastUse, NotPersonal

from . import registry, third_party

# Tables without a model, file storages and caches, and what each contains about people.
TABLES = {
    "django_migrations": "names of files of our own",
    "cache_entries": "counters of log-ins, keyed by a keyed hash of network, log-in or address: erased by cached_traces.forget",
}
STORAGES = {
    "default": "pictures of events and shops, under random names: of no visitor",
    "exports": "lists that staff requested, named in exports.Job: deleted when a person in them is erased",
    "staticfiles": "files of our own",
}
CACHES = {"default": "the table cache_entries"}

# A column with such a name needs a strategy other than NotPersonal, or a reason here why it has none.
SUSPICIOUS = re.compile("mail|name|phone|address|birth")
REVIEWED = {
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
    "organisers.PointOfSale.email_sender_address": "where mails to a shop go",
    "privacy.PendingDeletion.name": "of a file, random",
    "procrastinate.ProcrastinateJob.args.mail_id": "a number",
    "procrastinate.ProcrastinateJob.queue_name": "of a queue",
    "procrastinate.ProcrastinateJob.task_name": "of a function",
    "procrastinate.ProcrastinatePeriodicDefer.task_name": "of a function",
    "registration_forms.RegistrationForm.name": "of a form",
}
_HERE = "privacy.declarations.outside_models"


@checks.register(checks.Tags.models)
def check_outside_models(app_configs, **kwargs) -> list[checks.Error]:
    """Return an error for each storage, cache, job argument and suspicious column that is not declared, or no longer exists."""
    return [
        *_compare("storage", set(settings.STORAGES), set(STORAGES), "STORAGES", "privacy.E021"),
        *_compare("cache", set(settings.CACHES), set(CACHES), "CACHES", "privacy.E022"),
        *_job_arguments(),
        *_expiry_jobs(),
        *_suspicious_columns(),
    ]


@checks.register(checks.Tags.database)
def check_tables(app_configs, databases=None, **kwargs) -> list[checks.CheckMessage]:
    """Return a warning for each table that neither a model nor ``TABLES`` declares.

    Not an error: ``migrate`` runs these checks too, before it drops the table of a removed model.
    """
    of_models = {model._meta.db_table for model in registry.installed_models()}
    others = set()
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute(_TABLE_NAMES)
            others |= {name for (name,) in cursor.fetchall()} - of_models
    # Before the first migration none of the declared tables exists.
    declared = set(TABLES) if "django_migrations" in others else others & set(TABLES)
    return _compare("table", others, declared, "TABLES", "privacy.W020", checks.Warning)


# Of all schemas but PostgreSQL's own.
_TABLE_NAMES = """
    SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'm', 'f') AND nspname !~ '^(pg_|information_schema$)'
"""


def _compare(
    what: str, existing: set[str], declared: set[str], constant: str, number: str, kind=checks.Error
) -> list[checks.CheckMessage]:
    new = [f"The {what} {name} is not declared." for name in sorted(existing - declared)]
    old = [f"The {what} {name} is declared but does not exist." for name in sorted(declared - existing)]
    hint = f"Write in {_HERE}.{constant} what it contains about people."
    return [kind(text, hint=hint, id=number) for text in new + old]


def _job_arguments() -> list[checks.Error]:
    """Return errors for arguments of jobs that are not declared, or personal.

    Jobs are stored with their arguments, and no path leads from a job to a person: so an erasure would not find them.
    """
    known = third_party.JOB_ARGUMENTS.keys
    used: dict[str, str] = {}
    for name, task in app.tasks.items():
        parameters = list(inspect.signature(task.func).parameters)
        used |= dict.fromkeys(parameters[1:] if task.pass_context else parameters, name)
    new = [
        f"The job {used[name]} has the argument {name}, which is not declared."
        for name in sorted(set(used) - set(known))
    ]
    personal = [
        f"The argument {name} of a job is personal, but no path leads from a job to a person."
        for name, strategy in known.items()
        if not isinstance(strategy, NotPersonal)
    ]
    hint = "Pass the number of a row, and declare it in privacy.declarations.third_party.JOB_ARGUMENTS."
    return [checks.Error(text, hint=hint, id="privacy.E023") for text in new + personal]


def _expiry_jobs() -> list[checks.Error]:
    """Return errors for rules of ``expiry`` whose job is not periodic, or whose path leads to no day."""
    periodic = {name for name, _id in app.periodic_registry.periodic_tasks}
    errors = []
    for model in registry.installed_models():
        for rule in registry.declaration(model).expiry:
            if rule.job not in periodic:
                errors.append(f"{model._meta.label} expires by {rule.job}, which is not a periodic job.")
            errors += [
                f"{model._meta.label} expires after “{path}”, which is not a day or an instant."
                for path in _since_paths(rule)
                if not isinstance(registry.end_of(model, path), models.DateField)
            ]
    hint = (
        "Name a periodic job and an existing path in “expiry” (see ticketshop/docs/privacy-declarations.md)."
    )
    return [checks.Error(text, hint=hint, id="privacy.E025") for text in errors]


def _since_paths(rule: Expiry) -> tuple[str, ...]:
    if isinstance(rule.since, LastUse):
        return ()
    return rule.since if isinstance(rule.since, tuple) else (rule.since,)


def _suspicious_columns() -> list[checks.Error]:
    not_personal: dict[str, NotPersonal] = {}
    for model in registry.installed_models():
        for name, strategy in registry.declaration(model).columns.items():
            not_personal |= _suspicious(f"{model._meta.label}.{name}", name, strategy)
    return [
        checks.Error(
            f"{column} is declared as not personal ({not_personal[column].reason}), but its name suggests that it is.",
            hint=f"Declare another strategy, or write in {_HERE}.REVIEWED why it is not personal.",
            id="privacy.E024",
        )
        for column in _missing(not_personal, REVIEWED)
    ] + [
        checks.Error(f"{column} is in REVIEWED but is not declared as not personal.", id="privacy.E024")
        for column in _missing(REVIEWED, not_personal)
    ]


def _missing(names: Iterable[str], others: Iterable[str]) -> list[str]:
    return sorted(set(names) - set(others))


def _suspicious(column: str, name: str, strategy) -> dict[str, NotPersonal]:
    """Return the column, or keys inside a JSON column, that have a suspicious name and are declared as not personal."""
    if isinstance(strategy, NotPersonal):
        return {column: strategy} if SUSPICIOUS.search(name) else {}
    if not isinstance(strategy, Json):
        return {}
    keys: dict[str, NotPersonal] = {}
    for key, inner in strategy.keys.items():
        keys |= _suspicious(f"{column}.{key}", key, inner)
    return keys
