"""What a start is written to: a command, a Compose file, a Kubernetes file."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from guide_ml.errors import InvalidInput
from guide_ml.launch import containers
from guide_ml.launch.engines import Engine
from guide_ml.launch.yaml_text import to_yaml

__all__ = ["MODELS", "Launch"]

#: Folder of converted weights on the host.
MODELS = "models"
#: Whatever ends a line, or a comment, for some reader.
_LINES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a deployment is started; text only, nothing is run.

    Parameters
    ----------
    engine : Engine
        What is started.
    version, backend, model, image : str
        Version that the flags are of, what it runs on, what it serves, and the container image
        (blank if none is known).
    arguments : tuple of str
        All that follows the engine's command.
    port : int
        Where it listens.
    devices, replicas, host_devices : int
        Devices of a replica, independent replicas, devices of a host.
    local : str
        Path of the weights on the host; blank if they are downloaded.
    notes : tuple of str
        What a reader must know.
    """

    engine: Engine
    version: str
    backend: str
    model: str
    image: str
    arguments: tuple[str, ...]
    port: int
    devices: int
    replicas: int
    host_devices: int
    local: str
    notes: tuple[str, ...]

    @property
    def argv(self) -> tuple[str, ...]:
        """The command of one replica, a word each."""
        return (*self.engine.command, *self.arguments)

    @property
    def command(self) -> str:
        """The command for a shell; replicas that share a host each on devices of their own.

        Replicas that one host does not hold are started host by host with the same command.
        """
        if self.replicas == 1:
            return _wrapped(self.argv)
        lines = [self._replica(i) for i in range(min(self.replicas, self.on_host))]
        return " &\n".join([*lines, "wait"])

    @property
    def on_host(self) -> int:
        """Replicas that a host holds."""
        return self.host_devices // self.devices

    def _replica(self, index: int) -> str:
        """Write the start of one of several replicas of a host."""
        argv = list(self.argv)
        argv[argv.index("--port") + 1] = str(self.port + index)
        variable = containers.BACKENDS[self.backend].variable
        own = ",".join(map(str, self.device_ids(index)))
        return (f"{variable}={own} " if variable else "") + _wrapped(tuple(argv))

    def device_ids(self, index: int) -> range:
        """Numbers of the devices of a host's replica."""
        return range(index * self.devices, (index + 1) * self.devices)

    @property
    def cache(self) -> str:
        """Folder of a container that keeps downloads."""
        return self.engine.cache

    @property
    def name(self) -> str:
        """Name for files and services, as DNS allows it."""
        text = re.sub(r"[^a-z0-9]+", "-", self.model.rsplit("/", 1)[-1].lower()).strip("-")
        return text[:50].strip("-") or "llm"

    @property
    def container_args(self) -> list[str]:
        """Arguments as a container takes them: the folder of the host's weights is /models."""
        inside = f"/models/{PurePosixPath(self.local).name}"
        start = [*self.engine.image_command, *self.arguments]
        return [inside if self.local and text == self.local else text for text in start]

    @property
    def folder(self) -> str:
        """Folder of the host's weights; blank if they are downloaded."""
        if not self.local:
            return ""
        parent = str(PurePosixPath(self.local).parent)
        return parent if parent.startswith(("/", "./", "../")) else f"./{parent}"

    def compose(self) -> str:
        """Write a Docker Compose file for one host.

        Several replicas get devices of their own, and a balancer in front of them.

        Raises
        ------
        InvalidInput
            If no container image is known, or the replicas need more than one host.
        """
        self._need_image()
        if self.devices * self.replicas > self.host_devices:
            raise InvalidInput(
                f"a Compose file is for one host: {self.replicas} x {self.devices} devices are"
                f" more than its {self.host_devices}; write a Kubernetes file, or give"
                " host_devices"
            )
        return self.header + to_yaml(containers.compose(self))

    def kubernetes(self) -> str:
        """Write a Kubernetes file: a Deployment with its replicas, and a Service.

        Raises
        ------
        InvalidInput
            If no container image is known, or no resource for the devices.
        """
        self._need_image()
        if self.backend not in ("cpu", "metal") and not containers.BACKENDS[self.backend].resource:
            raise InvalidInput(
                f"Kubernetes has no resource for devices of backend {self.backend}; write a"
                " Compose file or use the command"
            )
        documents = containers.kubernetes(self)
        return self.header + "---\n".join(to_yaml(d) for d in documents)

    def _need_image(self) -> None:
        if not self.image:
            raise InvalidInput(
                f"no container image of {self.engine.title} on {self.backend} is known; give"
                " image, or use the command"
            )

    @property
    def header(self) -> str:
        """The notes as comments, a line each whatever they hold."""
        return "".join(f"# {' '.join(_LINES.split(note))}\n" for note in self.notes)


def _wrapped(argv: tuple[str, ...]) -> str:
    """Quote for a shell, a flag a line."""
    lines: list[list[str]] = [[]]
    for word in argv:
        if re.match(r"--[a-z]", word):
            lines.append([])
        lines[-1].append(shlex.quote(word))
    return " \\\n    ".join(" ".join(line) for line in lines)
