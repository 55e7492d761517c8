"""Configuration of gunicorn, for development and production: `gunicorn --config ticketshop/gunicorn.py`.

HOST, PORT, WEB_CONCURRENCY, WEB_THREADS, DB_POOL_SIZE and FORWARDED_ALLOW_IPS come from the environment.
"""

import os
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from ticketshop.lib import environment as env

try:
    _host = env.text("HOST", "127.0.0.1")
    _port = env.whole_number("PORT", 8000, most=65535)
    # One for each core that this process may use. More than 16 need more connections than PostgreSQL allows by default.
    _cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = env.whole_number("WEB_CONCURRENCY", min(max(_cores, 2), 16), least=1, most=1000)
    threads = env.whole_number("WEB_THREADS", 4, least=1, most=1000)
    if threads > env.whole_number("DB_POOL_SIZE", 8, least=1):
        # Each thread holds one of the process's database connections during a request.
        sys.exit(
            "WEB_THREADS is larger than DB_POOL_SIZE: some threads would wait for a connection. Set both to the same number."
        )
    # Addresses of proxies whose X-Forwarded-Proto is believed. They may not change the path.
    forwarded_allow_ips = env.text("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
except ImproperlyConfigured as error:
    sys.exit(str(error))

wsgi_app = "ticketshop.wsgi"
# Loaded before the web processes are forked: they share its memory, and one that ended is replaced within a moment.
preload_app = True
bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
worker_class = "gthread"

# Longer than the limits of the database (10 s for a statement), so that visitors get an error page, not a closed connection.
timeout = 30
graceful_timeout = 25
keepalive = 5
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

forwarder_headers = ""

# Workers prove that they are alive by touching a file. It is in memory, so that a slow disk does not look like a dead worker.
if Path("/dev/shm").is_dir() and os.access("/dev/shm", os.W_OK):  # noqa: S108  gunicorn makes a file of its own there
    worker_tmp_dir = "/dev/shm"  # noqa: S108
control_socket_disable = True

# No access log, because URLs of orders contain a secret.
accesslog = None
errorlog = "-"
loglevel = "warning"
