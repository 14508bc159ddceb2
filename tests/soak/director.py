"""One soak from the beginning to the end: measure, load, restart, misbehave, deliver, judge."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from tests.soak.findings import Findings
from tests.soak.judging import percentile
from tests.soak.load import Load
from tests.soak.memory import Memory
from tests.soak.options import Options
from tests.soak.phases import Phases, seconds_of_a_phase
from tests.soak.restarts import Restarter
from tests.soak.site_set import SiteSet, running_set

SAMPLED_EVERY = 10.0
TOLD_EVERY = 60.0
SHARE_OF_TOP = 0.5
Say = Callable[[str], None]
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def soak(options: Options, folder: Path, say: Say) -> Findings:
    """Do it, and say a line a minute. Raises RuntimeError where the set cannot be started."""
    say(f"seed {options.seed}; everything is kept in {folder}")
    dice = Random(options.seed)  # noqa: S311
    with running_set(options, folder) as site:
        say(f"the site answers at http://{site.web.address}, the Exchange at {site.market.base_url}")
        findings = Findings(options)
        measured = _measure(options, site, findings, say)
        rate = options.rate or max(measured * SHARE_OF_TOP, 1.0)
        load = Load(
            site.web.address, site.secret, site.mix, rate=rate, seed=options.seed, promised=site.promised
        )
        phases = Phases(site.market, seconds_of_a_phase(options.seconds))
        restarter = Restarter(
            site.web, site.workers, every=options.every, kill_share=options.kill_share, dice=dice
        )
        memory = Memory()
        findings.note_rate(asked=rate, measured=measured)
        say(f"{options.seconds / 60:g} minutes at {rate:.1f} requests a second begin")
        with ExitStack() as stack:
            stack.enter_context(load.at_work(options.connections))
            stack.enter_context(site.person.looking())
            if not options.steady:
                stack.enter_context(restarter.at_work())
            _run_for(options, site, load, phases, memory, say)
        phases.be_well()
        findings.note_load(load, site.person, restarter, phases, memory)
        _deliver_the_rest(options, site, findings, say)
        _stop(site, findings)
        _ask_the_books(site, findings, say)
        findings.note_logs([process.log for process in site.processes], restarter.killed_web_workers)
    return findings


def _measure(options: Options, site: SiteSet, findings: Findings, say: Say) -> float:
    """The top rate of the same mix: what the clients can get answered; 0 where a rate is given."""
    if options.rate is not None:
        return 0.0
    say(f"measuring the top rate for {options.measure:g} s")
    load = Load(
        site.web.address, site.secret, site.mix, rate=None, seed=options.seed + 1, promised=site.promised
    )
    with load.at_work(options.connections):
        time.sleep(options.measure)
    findings.note_measuring(load)
    say(f"top rate: {load.reached:.1f} requests a second")
    return load.reached


def _run_for(options: Options, site: SiteSet, load: Load, phases: Phases, memory: Memory, say: Say) -> None:
    began = time.monotonic()
    sampled, told = began - SAMPLED_EVERY, began
    while (elapsed := time.monotonic() - began) < options.seconds:
        if not options.steady:
            phases.tick(elapsed)
        if time.monotonic() - sampled >= SAMPLED_EVERY:
            sampled = time.monotonic()
            memory.sample(site.pids())
        if time.monotonic() - told >= TOLD_EVERY:
            told = time.monotonic()
            say(_progress(elapsed, site, load, phases, memory))
        time.sleep(0.2)


def _progress(elapsed: float, site: SiteSet, load: Load, phases: Phases, memory: Memory) -> str:
    latest = sorted(load.latencies[-1000:])
    sizes = [
        f"{name} {kinds['rss'][-1][1]:.0f}" for name, kinds in sorted(memory.samples.items()) if kinds["rss"]
    ]
    return (
        f"{elapsed / 60:.0f} min  {load.done:,} requests ({load.reached:.1f}/s), {load.entries:,} entries, "
        f"p99 {percentile(latest, 0.99) * 1000:,.0f} ms, "
        f"{_waiting(_queue(site))} wait for the Exchange ({phases.name}), "
        f"{len(load.doubts)} without an answer or 5xx, {len(load.wrong)} wrong; MB: {', '.join(sizes)}"
    )


def _waiting(queue: dict[str, int]) -> str:
    """How many wait for the Exchange; "?" where the site was just away."""
    return "?" if queue["pending"] < 0 else f"{queue['pending'] + queue['sending']:,}"


def _queue(site: SiteSet) -> dict[str, int]:
    """How delivery stands, as ``/readyz`` tells it; -1 where it does not."""
    try:
        with _opener.open(f"http://{site.web.address}/readyz", timeout=5) as answer:
            told = json.load(answer)["delivery"]
    except (OSError, ValueError):
        told = {}
    return {name: int(told.get(name, -1)) for name in ("pending", "sending", "uncertain", "rejected")}


def _deliver_the_rest(options: Options, site: SiteSet, findings: Findings, say: Say) -> None:
    """Wait until nothing waits, as long as there is patience; what is uncertain, reconciliation settles."""
    began = told = time.monotonic()
    queue = _queue(site)
    findings.note_backlog(queue)
    say(f"the load has ended, the Exchange is well; {_waiting(queue)} wait for it")
    while queue["pending"] or queue["sending"] or queue["uncertain"]:
        if time.monotonic() - began > options.patience:
            break
        if not queue["pending"] and not queue["sending"] and queue["uncertain"] > 0:
            site.command("reconcile", "--json")
        time.sleep(1)
        queue = _queue(site)
        if time.monotonic() - told >= TOLD_EVERY:
            told = time.monotonic()
            say(f"{_waiting(queue)} wait, {queue['uncertain']} are uncertain")
    findings.note_delivery(queue, time.monotonic() - began)


def _stop(site: SiteSet, findings: Findings) -> None:
    """SIGTERM to all; each must end by itself with 0."""
    for process in reversed(site.processes):
        try:
            findings.note_exit(process.name, process.terminate())
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            findings.note_exit(process.name, repr(error))


def _ask_the_books(site: SiteSet, findings: Findings, say: Say) -> None:
    say("verify_ledger, reconcile, and every promise against ledger and statement")
    documents: dict[str, Any] = {}
    for name in ("reconcile", "verify_ledger"):
        done = site.command(name, "--json")
        try:
            documents[name] = json.loads(done.stdout)
        except ValueError:
            documents[name] = {"failed": done.stderr[-2000:]}
    findings.note_books(documents["verify_ledger"], documents["reconcile"], site.books())
