"""How a deployment is started: command line, Docker Compose file, Kubernetes file.

The flags that engines know are data (``engines.toml``), with the version and the page they were
read from; nothing here is started, only written.

In: a deployment and a load as plain facts. Out: text.
A new engine flag is a line of ``engines.toml``, and of ``arguments`` where its value is computed.
"""

from guide_ml.launch.engines import ENGINES
from guide_ml.launch.files import Launch
from guide_ml.launch.plan import launch

__all__ = ["ENGINES", "Launch", "launch"]
