"""The values of an UPDATE that empties a person's rows, by the strategies of their columns."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from ticketshop.lib.personal import Strategy

from . import registry

Strategies = dict[str, Strategy]  # name of a column -> strategy


def emptied_columns(model: type[models.Model]) -> Strategies:
    """Return the columns that an UPDATE changes when no deferral is open."""
    declaration = registry.declaration(model)
    strategies = {
        column.name: registry.strategy_of(declaration, column) for column in model._meta.concrete_fields
    }
    return {
        name: strategy for name, strategy in strategies.items() if strategy is not None and strategy.is_update
    }


def update_values(model: type[models.Model], columns: Strategies, now: datetime) -> dict[str, object]:
    """Return what an UPDATE sets, by column name."""
    return {
        name: strategy.update_value(model._meta.get_field(name), now) for name, strategy in columns.items()
    }


def remaining(model: type[models.Model], columns: Strategies) -> Q:
    """Return the condition for rows in which one of ``columns`` still has something to erase."""
    condition = Q(pk__in=[])
    for name, strategy in columns.items():
        condition |= strategy.remaining(model._meta.get_field(name))
    return condition
