"""Real-time control of animatronic faces: sound or camera in, motor commands out.

The rooms, in the order in which data flows, are listed in docs/architecture.md.
"""

import pkgutil

# Lets a source checkout find the messages that the build generated into the same package.
__path__ = pkgutil.extend_path(__path__, __name__)
