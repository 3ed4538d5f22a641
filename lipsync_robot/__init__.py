"""Real-time control of animatronic faces: sound or camera in, motor commands out.

The rooms, in the order in which data flows, are listed in docs/architecture.md.
"""

import os
import pkgutil

# Lets a source checkout find the messages that the build generated into the same package.
__path__ = pkgutil.extend_path(__path__, __name__)

# numpy's BLAS would start a thread a core, which spin between our small products: nearly a core for nothing. Read by numpy
# when it loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
