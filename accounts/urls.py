from django.urls import path

from accounts.views import activity, keys, settings, sign_in

app_name = "accounts"
urlpatterns = [
    path("login/", sign_in.login, name="login"),
    path("verify/", sign_in.verify, name="verify"),
    path("verify/resend/", sign_in.resend, name="resend"),
    path("logout/", sign_in.logout, name="logout"),
    path("theme/", settings.theme, name="theme"),
    path("language/", settings.language, name="language"),
    path("settings/", settings.settings, name="settings"),
    path("settings/profile/", settings.profile, name="profile"),
    path("settings/provider/", settings.become_provider, name="become_provider"),
    path("settings/refresh/", settings.refresh, name="refresh"),
    path("settings/sessions/end-others/", settings.end_other_sessions, name="end_other_sessions"),
    path("settings/sessions/<uuid:public_id>/end/", settings.end_session, name="end_session"),
    path("activity/", activity.activity, name="activity"),
    path("keys/", keys.keys, name="keys"),
    path("keys/new/", keys.new, name="key_new"),
    path("keys/<int:number>/", keys.key, name="key"),
    path("keys/<int:number>/rotate/", keys.rotate, name="key_rotate"),
    path("keys/<int:number>/revoke/", keys.revoke, name="key_revoke"),
]
