"""Compose and Kubernetes files as plain values; devices are handed over as each backend needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["BACKENDS", "Start", "compose", "kubernetes"]

BALANCER = "nginx:1.28"
#: A request takes two connections of a worker, to the client and to the replica: nginx's 512 are
#: 239 requests. Prompts of long contexts are bodies of more than its 1 MB.
NGINX = """\
worker_processes auto;
worker_rlimit_nofile 65536;
events {
  worker_connections 16384;
}
http {
  client_max_body_size 0;
  upstream replicas {
    least_conn;
%s
  }
  server {
    listen %d;
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }
  }
}
"""


class Start(Protocol):
    """What the files need of a start."""

    @property
    def backend(self) -> str:
        """What it runs on."""

    @property
    def image(self) -> str:
        """Container image."""

    @property
    def cache(self) -> str:
        """Folder of the container that keeps downloads."""

    @property
    def name(self) -> str:
        """Name of services."""

    @property
    def container_args(self) -> list[str]:
        """Arguments in the container."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def devices(self) -> int:
        """Devices of a replica."""

    @property
    def replicas(self) -> int:
        """Independent replicas."""

    @property
    def folder(self) -> str:
        """Folder of the host's weights; blank if they are downloaded."""

    def device_ids(self, index: int) -> range:
        """Numbers of a replica's devices."""


@dataclass(frozen=True)
class Backend:
    """How devices of a backend are handed over.

    Parameters
    ----------
    variable : str
        Environment variable that names the devices in use; blank if there is none.
    resource : str
        Kubernetes resource; blank if there is none.
    nodes : tuple of str
        Device files that a container needs.
    """

    variable: str = ""
    resource: str = ""
    nodes: tuple[str, ...] = ()


BACKENDS = {
    "cuda": Backend("CUDA_VISIBLE_DEVICES", "nvidia.com/gpu"),
    "rocm": Backend("HIP_VISIBLE_DEVICES", "amd.com/gpu", ("/dev/kfd", "/dev/dri")),
    "xpu": Backend("ZE_AFFINITY_MASK", "gpu.intel.com/xe", ("/dev/dri",)),
    "hpu": Backend("HABANA_VISIBLE_DEVICES", "habana.ai/gaudi"),
    "vulkan": Backend("GGML_VK_VISIBLE_DEVICES", "", ("/dev/dri",)),
    "metal": Backend(), "cpu": Backend(),
}  # fmt: skip
"""By name of the backend."""


def compose(start: Start) -> dict[str, Any]:
    """Arrange a Compose file; several replicas are behind a balancer."""
    if start.replicas == 1:
        return {"services": {start.name: _service(start, 0)}}
    names = [f"{start.name}-{i}" for i in range(start.replicas)]
    services = {name: _service(start, i) for i, name in enumerate(names)}
    servers = "\n".join(f"    server {name}:{start.port};" for name in names)
    services["balancer"] = {
        "image": BALANCER, "restart": "unless-stopped", "depends_on": names,
        "ports": [f"{start.port}:{start.port}"],
        "configs": [{"source": "balancer", "target": "/etc/nginx/nginx.conf"}],
    }  # fmt: skip
    content = NGINX % (servers, start.port)
    return {"services": services, "configs": {"balancer": {"content": content}}}


def _service(start: Start, index: int) -> dict[str, Any]:
    ids = [str(i) for i in start.device_ids(index)]
    environment = {"HF_TOKEN": "${HF_TOKEN:-}"}
    out: dict[str, Any] = {
        "image": _literal(start.image), "restart": "unless-stopped", "ipc": "host",
        "command": [_literal(text) for text in start.container_args],
        "environment": environment, "volumes": _volumes(start),
    }  # fmt: skip
    if start.replicas == 1:
        out["ports"] = [f"{start.port}:{start.port}"]
    backend = BACKENDS[start.backend]
    if start.backend == "cuda":
        gpu = {"driver": "nvidia", "device_ids": ids, "capabilities": ["gpu"]}
        out["deploy"] = {"resources": {"reservations": {"devices": [gpu]}}}
    elif backend.variable:
        environment[backend.variable] = ",".join(ids)
    if backend.nodes:
        out["devices"] = [f"{node}:{node}" for node in backend.nodes]
    if start.backend == "rocm":
        out |= {"group_add": ["video"], "cap_add": ["SYS_PTRACE"],
                "security_opt": ["seccomp=unconfined"]}  # fmt: skip
    if start.backend == "hpu":
        out |= {"runtime": "habana", "cap_add": ["SYS_NICE"]}
    return out


def _literal(text: str) -> str:
    """Write a text that Compose, which reads $ as the start of a variable, takes as it is."""
    return text.replace("$", "$$")


def _volumes(start: Start) -> list[Any]:
    if ":" in start.folder:  # parts the short form
        return [{"type": "bind", "source": _literal(start.folder), "target": "/models",
                 "read_only": True}]  # fmt: skip
    if start.folder:
        return [f"{_literal(start.folder)}:/models:ro"]
    return ["${HOME}/.cache/huggingface:" + start.cache]


def kubernetes(start: Start) -> list[dict[str, Any]]:
    """Arrange a Deployment and its Service."""
    labels = {"app": start.name}
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": start.name, "labels": labels},
        "spec": {
            "replicas": start.replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _pod(start)},
        },
    }  # fmt: skip
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": start.name, "labels": labels},
        "spec": {"selector": labels,
                 "ports": [{"name": "http", "port": start.port, "targetPort": "http"}]},
    }  # fmt: skip
    return [deployment, service]


def _pod(start: Start) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/health", "port": "http"}}
    mounts = [{"name": "shm", "mountPath": "/dev/shm"},
              {"name": "cache", "mountPath": start.cache}]  # fmt: skip
    volumes: list[dict[str, Any]] = [
        {"name": "shm", "emptyDir": {"medium": "Memory"}}, {"name": "cache", "emptyDir": {}},
    ]  # fmt: skip
    if start.folder:
        mounts.append({"name": "models", "mountPath": "/models"})
        volumes.append({"name": "models", "persistentVolumeClaim": {"claimName": "models"}})
    token = {"secretKeyRef": {"name": "hf-token", "key": "token", "optional": True}}
    container: dict[str, Any] = {
        "name": "server", "image": start.image,
        # Kubernetes reads $(NAME) as a variable.
        "args": [text.replace("$(", "$$(") for text in start.container_args],
        "env": [{"name": "HF_TOKEN", "valueFrom": token}],
        "ports": [{"name": "http", "containerPort": start.port}],
        # Loading the weights may take an hour.
        "startupProbe": probe | {"periodSeconds": 10, "failureThreshold": 360},
        "readinessProbe": probe | {"periodSeconds": 5},
        "volumeMounts": mounts,
    }  # fmt: skip
    if resource := BACKENDS[start.backend].resource:
        container["resources"] = {"limits": {resource: start.devices}}
    return {"containers": [container], "volumes": volumes}
