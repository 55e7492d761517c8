"""Remove pages of third-party apps from the back office. Loaded after the admin modules of those apps."""

from allauth.account.models import EmailAddress
from django.contrib import admin
from procrastinate.contrib.django.models import ProcrastinateJob

# E-mail addresses are part of log-ins; jobs are inspected with the commands of procrastinate.
admin.site.unregister([EmailAddress, ProcrastinateJob])
