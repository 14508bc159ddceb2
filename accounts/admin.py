"""People, registrations, API keys and sign-in attempts for the operator; codes, secrets and hashes never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import EmailField, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import api_keys, audit, sessions
from accounts.forms import AddressField
from accounts.keys.budgets import budget_of
from accounts.keys.rows import written
from accounts.models import ApiKey, ApiKeySecret, Exchange, ExchangeAccount, SignInAttempt, User
from accounts.operating.audit import AuditEventAdmin
from accounts.operating.groups import GroupAdmin
from accounts.operating.lists import InlineRows, ReadOnlyAdmin
from accounts.operating.noted import NotedAdmin

__all__ = ["ApiKeyAdmin", "AuditEventAdmin", "GroupAdmin", "ReadOnlyAdmin", "UserAdmin"]

if TYPE_CHECKING:  # Django's own class cannot be subscripted as the program runs
    PersonForm = ModelForm[User]
    SecretInline = admin.TabularInline[ApiKeySecret, ApiKey]
else:
    PersonForm = ModelForm
    SecretInline = admin.TabularInline

OPERATOR = {"is_active": True, "is_staff": True, "is_superuser": True}


class UserForm(PersonForm):
    """Refuses to take from the last operator what makes one: nobody could give it back in the admin."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        stays = all(cleaned.get(name, getattr(self.instance, name)) for name in OPERATOR)
        operators = User.objects.filter(**OPERATOR)
        is_one = operators.filter(pk=self.instance.pk).exists()
        if is_one and not stays and not operators.exclude(pk=self.instance.pk).exists():
            raise ValidationError(
                _(
                    "This is the last person who can do everything here. First make somebody else "
                    "an active operator and superuser."
                )
            )
        return cleaned


@admin.register(User)
class UserAdmin(NotedAdmin):
    """Add who may sign in while sign-up is closed; make inactive who may no longer."""

    form = UserForm
    formfield_overrides = {EmailField: {"form_class": AddressField}}
    list_display = ["email", "display_name", "is_active", "is_staff", "joined_at", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "display_name"]
    ordering = ["email"]
    fields = [
        "email",
        "display_name",
        "is_active",
        "is_staff",
        "is_superuser",
        "groups",
        "joined_at",
        "last_login",
    ]
    readonly_fields = ["joined_at", "last_login"]
    filter_horizontal = ["groups"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """The address is the identity: fixed once given. Only a superuser hands out rights."""
        fixed = ["email"] if obj else []
        rights = [] if request.user.is_superuser else ["is_staff", "is_superuser", "groups"]
        return [*self.readonly_fields, *fixed, *rights]

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # a person's book stays; who leaves is made inactive

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody with fewer rights can shut a superuser out."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "is_staff" in form.changed_data:
            action = "person.operator_given" if obj.is_staff else "person.operator_taken"
            audit.note(action, subject=audit.of_person(obj), detail={"superuser": obj.is_superuser})
        if not obj.is_active:
            sessions.end_all(obj)

    def detail_of(self, obj: User, changed: list[str]) -> dict[str, Any]:
        rights = {"active": obj.is_active, "operator": obj.is_staff, "superuser": obj.is_superuser}
        return {"changed": changed, **rights}


@admin.register(Exchange)
class ExchangeAdmin(ReadOnlyAdmin):
    list_display = ["base_url", "reached_at", "failed_at", "idempotency_proved_at", "first_used_at"]
    search_fields = ["base_url"]


@admin.register(ExchangeAccount)
class ExchangeAccountAdmin(ReadOnlyAdmin):
    list_display = ["user", "exchange", "exchange_user_id", "provider_id", "provider_name", "registered_at"]
    list_select_related = ["user", "exchange"]
    list_filter = ["exchange"]
    search_fields = ["user__email", "provider_name"]


class SecretRows(InlineRows, SecretInline):
    """A key's secrets by their beginning, which is all that is known of them."""

    model = ApiKeySecret
    fields = readonly_fields = ("prefix", "created_at", "expires_at", "last_used_at", "revoked_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """A person's own to change; the operator can end one, with a confirmation and for good."""

    list_display = [
        "label",
        "user",
        "state",
        "scope_words",
        "tag_words",
        "budget",
        "created_at",
        "revoked_at",
    ]
    list_select_related = ["user"]
    search_fields = ["label", "user__email", "secrets__prefix"]
    fields = [
        "label",
        "user",
        "state",
        "scope_words",
        "tag_words",
        "default_service_id",
        "budget",
        "soft",
        "created_at",
        "expires_at",
        "revoked_at",
    ]
    inlines = [SecretRows]
    actions = ["revoke_selected"]
    change_form_template = "admin/accounts/apikey/change_form.html"

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may change keys, but for that nothing of them is changed here."""
        return bool(request.user.has_perm("accounts.change_apikey"))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = {"may_revoke": self.has_revoke_permission(request), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, more)

    @admin.action(description=_("Revoke the selected keys"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Ask first; the answer comes here again."""
        live = list(queryset.filter(revoked_at=None).select_related("user"))
        if live and "confirmed" not in request.POST:
            context = {**self.admin_site.each_context(request), "opts": self.opts, "api_keys": live}
            context["title"] = gettext("Revoke API keys")
            return TemplateResponse(request, "admin/accounts/apikey/revoke.html", context)
        for key in live:
            api_keys.revoke(key)
            self.log_change(request, key, gettext("Revoked."))
        said = ngettext("%(count)d key was revoked.", "%(count)d keys were revoked.", len(live))
        self.message_user(request, said % {"count": len(live)}, messages.SUCCESS)
        return None

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> str:
        words = {"active": _("Active"), "expired": _("Expired"), "revoked": _("Revoked")}
        return str(words[api_keys.state_of(key, timezone.now())])

    @admin.display(description=_("scopes"))
    def scope_words(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description=_("tags"), empty_value="–")
    def tag_words(self, key: ApiKey) -> str | None:
        return ", ".join(key.tags) or None

    @admin.display(description=_("budget"), empty_value="–")
    def budget(self, key: ApiKey) -> str | None:
        budget = budget_of(key)
        if budget is None:
            return None
        return f"{written(budget, budget.limit)} {budget.unit.label}, {budget.period.label}"

    @admin.display(description=_("soft limit"), empty_value="–")
    def soft(self, key: ApiKey) -> str | None:
        budget = budget_of(key)
        if budget is None or budget.soft_limit is None:
            return None
        return f"{written(budget, budget.soft_limit)} {budget.unit.label}"


@admin.register(ApiKeySecret)
class ApiKeySecretAdmin(ReadOnlyAdmin):
    list_display = ["prefix", "key", "created_at", "expires_at", "last_used_at", "revoked_at"]
    list_select_related = ["key"]
    search_fields = ["prefix", "key__label"]
    fields = ["prefix", "key", "created_at", "expires_at", "last_used_at", "revoked_at"]


@admin.register(SignInAttempt)
class SignInAttemptAdmin(ReadOnlyAdmin):
    list_display = ["at", "email", "network", "known_browser", "outcome"]
    list_filter = ["outcome"]
    search_fields = ["email", "network"]
    show_full_result_count = False
    fields = ["at", "email", "network", "known_browser", "outcome"]

    @admin.display(boolean=True, description=_("known browser"))
    def known_browser(self, attempt: Any) -> bool:
        """Whether, not which: the identifier stays in the browser's cookie."""
        return bool(attempt.browser)
