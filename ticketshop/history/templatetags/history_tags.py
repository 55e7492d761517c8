"""Template filters for history records."""

from django import template

from ticketshop.history import texts

register = template.Library()

register.filter("history_action", texts.action_text)
register.filter("history_details", texts.detail_lines)
