"""A soak: the whole set under load for as long as one likes, restarted, killed, at a misbehaving Exchange.

    make soak MINUTES=60
    python -m tests.soak --minutes 60 --database postgres://postgres@127.0.0.1:5432/postgres
    python -m tests.soak --minutes 60 --steady

Web and workers run as the Procfile starts them, on a database of the soak's own, beside a sandbox Exchange;
all they write lies in one folder. Clients record through the API at half of the rate that was measured
first, at times of their own: who is answered late is not spared. At the end every promise is looked for in
the ledger and in the Exchange's statement, ``verify_ledger`` and ``reconcile`` are asked, and every answer
and log line is judged. ``--steady`` is the same without faults and restarts, and looks whether memory stays
flat. Exit 0 if all is well, else 1.

``director.py`` runs the whole; ``judging.py`` says what is forgiven, and why.
"""
