"""Runs the server: in this process, or in several that share its address."""

import asyncio
import json
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from ..errors import SettingError
from ..interop.sources import identify
from ..search.store import SETTINGS_FILE
from .app import Server, watching
from .journal import write_log
from .metrics import SEVERAL_PROCESSES, Metrics
from .models import Models, Served
from .settings import ServerSettings

_VARIABLE = "WORDLADDER_SERVE"  # what the processes are told


def serve(
    sources: Sequence[str],
    settings: ServerSettings,
    *,
    loaded: Callable[[Served, float], None] = lambda served, seconds: None,
    listening: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve models until the process is told to stop; what was accepted is answered first.

    Args:
        sources: Paths, names on the Hugging Face hub, or addresses of indexes; `name=path` gives a name.
        settings: How they are served.
        loaded: Called with each model and the seconds that it took to load.
        listening: Called with the address.

    Raises:
        UserError: a model cannot be loaded, or a setting is not valid.
        SettingError: the address is taken.
    """
    settings.read_keys()
    if settings.workers == 1:
        models = Models(sources, settings, Metrics())
        models.load(loaded)
        listener = _listen(settings)
        listening(_address(listener))
        uvicorn.Server(_config(_application(models), settings)).run([listener])
        return
    for name, source in Models(sources, settings, Metrics()).sources.items():
        if "://" not in source and (Path(source) / SETTINGS_FILE).is_file():
            raise SettingError(
                f"{name}: the index of a folder is open in one process; serve it with workers 1"
            )
        if "://" not in source:
            identify(source)
    counts = tempfile.mkdtemp(prefix="wordladder-metrics-")
    os.environ[SEVERAL_PROCESSES] = counts
    given = {"sources": list(sources), "settings": asdict(settings) | {"keys": str(settings.keys or "")}}
    os.environ[_VARIABLE] = json.dumps(given)
    listener = _listen(settings)
    try:
        listening(_address(listener))
        config = _config("wordladder.serve.run:worker", settings, factory=True, workers=settings.workers)
        uvicorn.supervisors.Multiprocess(config, sockets=[listener]).run()
    finally:
        shutil.rmtree(counts, ignore_errors=True)


def worker() -> Starlette:
    """The application of one of several processes."""
    given = json.loads(os.environ[_VARIABLE])
    keys = given["settings"].pop("keys")
    settings = ServerSettings(**given["settings"], keys=Path(keys) if keys else None)
    models = Models(given["sources"], settings, Metrics())
    models.load()
    return _application(models)


def _application(models: Models) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with watching(models):
            yield
        await asyncio.to_thread(models.close)

    write_log()
    return Server(models, models.settings, models.metrics).application(lifespan)


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)  # who comes from now on is waited for
    except OSError as error:
        listener.close()
        raise SettingError(f"{settings.host}:{settings.port}: {error.strerror}") from None
    listener.set_inheritable(True)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _config(application: Any, settings: ServerSettings, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=max(1, round(settings.drain)),
        **more,
    )
