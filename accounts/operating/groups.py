"""Groups of rights in the admin: Django's own pages, with what is done there noted."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangosGroupAdmin
from django.contrib.auth.models import Group

from accounts.operating.noted import NotedAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(NotedAdmin, DjangosGroupAdmin):
    """As Django has it, and noted."""
