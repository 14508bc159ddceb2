# syntax=docker/dockerfile:1
# The site and its workers: docker build --target runtime --tag tokligence-gateway .
# Targets: runtime (what is deployed, and the last), test (with all that the tests need), dev (for working on it), and
# proxy (Caddy, for deploy/compose.live.yml).

FROM python:3.11-slim-bookworm AS python
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PATH=/opt/venv/bin:$PATH
WORKDIR /app

# --- the site's packages, and the site with its static files -----------------------------------------------------
FROM python AS builder
RUN python -m venv /opt/venv
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --requirement requirements.txt
COPY . .
# needs no secret. What the settings make beside it (var/) is the volume's, and tests are not deployed
RUN python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf var benchmarks tests conftest.py */tests */*/tests \
    && python -m compileall -q .

# --- all that the tests and lint need ----------------------------------------------------------------------------
FROM python AS test
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium gettext git make \
    && rm -rf /var/lib/apt/lists/*
# 1000: on most machines the person who works on it, so that files in a mounted folder are theirs
RUN groupadd --gid 1000 gateway \
    && useradd --uid 1000 --gid gateway --create-home gateway \
    && install --directory --owner gateway --group gateway /app /app/staticfiles /app/var
COPY --from=builder --chown=1000:1000 /opt/venv /opt/venv
USER 1000:1000
COPY --chown=1000:1000 requirements.txt requirements-dev.txt ./
RUN --mount=type=cache,target=/home/gateway/.cache/pip,uid=1000,gid=1000 \
    python -m pip install --requirement requirements-dev.txt \
    && touch /opt/venv/.installed /opt/venv/.installed-dev
# make takes these packages instead of an environment of its own
ENV MAKEFLAGS=VENV=/opt/venv
COPY --chown=1000:1000 . .
CMD ["make", "test"]

# --- the same, and it waits for whoever works in it: docker compose exec dev bash --------------------------------
FROM test AS dev
CMD ["sleep", "infinity"]

# --- Caddy in front of it, not as root (deploy/compose.live.yml) -------------------------------------------------
FROM caddy:2.8 AS proxy
COPY deploy/Caddyfile /etc/caddy/Caddyfile
# the mark on the program asks for a capability that this container has not got
RUN setcap -r /usr/bin/caddy && chown -R 10001:10001 /data /config
USER 10001:10001
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]

# --- what is deployed --------------------------------------------------------------------------------------------
FROM python AS runtime
# a number that does not change: volumes belong to it
RUN groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid gateway --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin gateway \
    && install --directory --owner gateway --group gateway --mode 0700 /app/var \
    && install --directory --owner gateway --group gateway --mode 0755 /secrets
# root's: nothing that runs here can change what runs here
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
USER 10001:10001
ENV WEB_ADDRESS=0.0.0.0:8000
EXPOSE 8000
VOLUME ["/app/var"]
# gunicorn finishes what it has begun, and then ends
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "deploy/healthcheck.py"]
CMD ["gunicorn", "gateway_site.wsgi", "--config", "python:gateway_site.gunicorn_conf"]
