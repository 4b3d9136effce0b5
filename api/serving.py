"""Runs the app under uvicorn and, once it answers, prints one curl line whose answer is a real recommendation."""

import errno
import json
import socket
import sys
import threading
from collections.abc import Callable
from datetime import date

import uvicorn
from fastapi import FastAPI

from api import asking
from api.app import create_app
from api.instance import Instance
from api.keys import ensure_keys
from api.logs import configure
from api.settings import Settings
from matcher.matching import Question
from matcher.store import demands

_TRIED = 200
_WANTED = 10


def serve(settings: Settings, say: Callable[[str], None]) -> int:
    """Serve until interrupted; the exit status."""
    configure(settings.log_level or ("info" if settings.is_production else "warning"))
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        say(f"not started: {_no_address(settings, error)}")
        return 1
    app = create_app(settings, say=say, ready=ensure_keys)
    server = Server(uvicorn.Config(app, host=settings.host, port=settings.port, log_level="warning", access_log=False))

    def introduce() -> None:
        service = app.state.service
        while service.missing():
            if service.failure:
                server.should_exit = True
                return
            if server.stopping.wait(0.05):
                return
        sys.stdout.write(_introduction(service.instance, settings) + "\n")
        sys.stdout.flush()

    threading.Thread(target=introduce, name="introduction", daemon=True).start()
    try:
        server.run([listening])
    except KeyboardInterrupt:
        say("stopped: on request")
    finally:
        server.stopping.set()
        listening.close()
    return 1 if app.state.service.failure else 0


class Server(uvicorn.Server):
    """A server that says when it stops, and ends the open streams of its app before it waits for them."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = threading.Event()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop gracefully."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.service.part()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, taken before anything is loaded.

    Raises
    ------
    OSError
        If the port is taken or the host is none of this machine.
    """
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()
    except OSError:
        opened.close()
        raise
    opened.set_inheritable(True)
    return opened


def _no_address(settings: Settings, error: OSError) -> str:
    place = f"{settings.host}, port {settings.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken by another program; stop it, or set PORT to a free one."
    if error.errno == errno.EACCES:
        return f"{place} may not be listened on by this user; set PORT to 1024 or above."
    return f"{place} cannot be listened on ({error.strerror}); set HOST to an address of this machine."


def promising_demand(instance: Instance, as_of: date) -> str:
    """A demand of the library whose list is full, the latest first; the longest list among those tried."""
    best, longest = "", -1
    for kept in instance.store.read(lambda connection: demands.latest(connection, _TRIED)):
        with instance.store.reading() as connection:
            profile = asking.profile_of(instance, connection, kept.demand.uscc, as_of)
        verdicts = instance.matcher.judge(Question(demand=kept.demand, as_of=as_of, profile=profile))
        eligible = verdicts.counts()["eligible"]
        if eligible > longest:
            best, longest = str(kept.demand.demand_id), eligible
        if longest >= _WANTED:
            break
    return best


def _introduction(instance: Instance, settings: Settings) -> str:
    keys = ensure_keys(instance)
    base = f"http://{settings.host}:{settings.port}"
    lines = [f"ready: {base}   documentation: {base}/docs"]
    if keys is not None:
        body = json.dumps({"demand_id": promising_demand(instance, instance.clock.today()), "top_n": _WANTED})
        lines += [
            f"keys: {settings.keys_file}",
            f"curl -s {base}/v1/recommendations -H 'Authorization: Bearer {keys['platform']}' "
            f"-H 'Content-Type: application/json' -H 'Accept-Language: en' -d '{body}'",
        ]
    return "\n".join(lines)
