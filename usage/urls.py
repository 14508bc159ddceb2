from django.urls import path

from usage.views import dashboard, entry, evidence, logs, quarantine, reconciliation, record, summary

app_name = "usage"
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("usage/", summary.summary, name="summary"),
    path("usage/live/", dashboard.live, name="live"),
    path("usage/snapshot/", dashboard.snapshot, name="snapshot"),
    path("usage/record/", record.record, name="record"),
    path("usage/logs/", logs.logs, name="logs"),
    path("usage/logs/tail/", logs.tail, name="logs_tail"),
    path("usage/logs/export/", logs.export, name="logs_export"),
    path("usage/logs/<int:seq>/", entry.entry, name="entry"),
    path("usage/logs/<int:seq>/reverse/", entry.reverse, name="reverse"),
    path("usage/logs/<int:seq>/settle/", entry.settle, name="settle"),
    path("usage/evidence/", evidence.evidence, name="evidence"),
    path("usage/evidence/<uuid:pk>/", evidence.pack, name="evidence-pack"),
    path("usage/evidence/<uuid:pk>/download/", evidence.download, name="evidence-download"),
    path("usage/quarantine/", quarantine.page, name="quarantine"),
    path("usage/quarantine/<int:pk>/", quarantine.row, name="quarantine_row"),
    path("usage/quarantine/record/", quarantine.record, name="quarantine_record"),
    path("usage/quarantine/discard/", quarantine.discard, name="quarantine_discard"),
    path("usage/reconciliation/", reconciliation.page, name="reconciliation"),
    path("usage/reconciliation/run/", reconciliation.reconcile, name="reconcile"),
    path("usage/reconciliation/<int:pk>/", reconciliation.run, name="reconciliation_run"),
    path("usage/reconciliation/<int:pk>/acknowledge/", reconciliation.acknowledge, name="acknowledge"),
]
