"""How a deployment is started: command line, Docker Compose file, Kubernetes file.

The flags that engines know are data (``engines.toml``), with the version and the page they were
read from; nothing here is started, only written.
"""

from guide_ml.launch.engines import ENGINES
from guide_ml.launch.files import Launch
from guide_ml.launch.plan import launch

__all__ = ["ENGINES", "Launch", "launch"]
