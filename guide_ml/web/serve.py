"""Start the service."""

from __future__ import annotations

import os

from guide_ml.system.private import scratch
from guide_ml.web.settings import VARIABLE, Settings

__all__ = ["serve"]

#: A worker may be busy predicting for so long before it counts as dead, seconds.
HEALTHCHECK_S = 60
KEEP_ALIVE_S = 30
#: Connections that a process takes at once; more are told to come back.
CONNECTIONS = 2000


def serve(host: str, port: int, workers: int, settings: Settings) -> None:
    """Serve until it is told to stop.

    Parameters
    ----------
    host, port : str, int
        Where to listen.
    workers : int
        Processes; one that dies is replaced, where there are several.
    settings : Settings
    """
    import uvicorn

    os.environ[VARIABLE] = settings.to_json()
    # A signal ends the process inside: the next one takes the folder away.
    with scratch("metrics") as folder:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        uvicorn.run(
            "guide_ml.web.app:from_environment", factory=True, host=host, port=port,
            workers=workers, timeout_keep_alive=KEEP_ALIVE_S, limit_concurrency=CONNECTIONS,
            timeout_worker_healthcheck=HEALTHCHECK_S, server_header=False, access_log=False,
            log_level="warning", timeout_graceful_shutdown=5,
        )  # fmt: skip
