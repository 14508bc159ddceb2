"""What the site tells Prometheus: figures of its processes, and of the ledger from the database.

shared.py     processes count together, in a folder of files
figures.py    what is counted where it happens: calls to the Exchange, mails, sign-ins
listening.py  who tells it: the client of the Exchange, sign-in attempts
mails.py      a mail backend that counts
ledger.py     what is read from the database when Prometheus asks
middleware.py django-prometheus: what requests there are, and how long they take
requests.py   a line in the log for each request
views.py      /metrics
"""

from __future__ import annotations


def forget_process(pid: int) -> None:
    """A process has ended: what it counted stays in the sums, what it was goes. Safe where nothing is shared.

    Which one is seen by itself; the number is only for who reads the call. Needs no Django.
    """
    from gateway_site.metrics import shared

    folder = shared.wanted_folder()
    if folder is not None and folder.is_dir():
        shared.sweep(folder)
