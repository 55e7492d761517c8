"""Pages of third-party apps that have no place in the back office. Read after all of theirs."""

from allauth.account.models import EmailAddress
from django.contrib import admin
from procrastinate.contrib.django.models import ProcrastinateJob

# Addresses belong to their log-ins, which prove them; jobs are looked at with procrastinate's own commands.
admin.site.unregister([EmailAddress, ProcrastinateJob])
