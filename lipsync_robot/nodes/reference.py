"""docs/reference.md, from the nodes themselves: python -m lipsync_robot.nodes.reference > docs/reference.md

Every node is started on a ROS domain of its own and asked, as `ros2 param describe` and `ros2 node info` would ask it. No
hardware is needed: a microphone that is not there has its topic and its parameters all the same.
"""

import importlib
import json
import os
import traceback
from collections.abc import Iterator
from contextlib import closing
from tempfile import TemporaryDirectory

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.action import get_action_server_names_and_types_by_node
from rclpy.qos import DurabilityPolicy, QoSProfile

from ..errors import BadInputError
from ..resources import resource
from . import common, diagnostics
from .composed import NODES, Composition
from .executor import ROS2S_OWN

DOMAIN = "101"  # where no robot runs
REQUIRED = {"audio_file": "file"}  # what a node does not start without: a default is not shown
HEAD = """# Reference: nodes, topics, parameters

Made by `python -m lipsync_robot.nodes.reference > docs/reference.md`; a test holds it to the code. Names are relative: a
namespace and remappings apply. Every node also tells of itself on `/diagnostics` once a second, if somebody listens
(`lipsync-robot status`), and has ROS 2's own parameter services. A **live** parameter may be set while the node runs (`ros2
param set /retarget gain_mouth 1.2`); of the others, and of what is out of range, a sentence says why not. The look-ahead is
part of the speech network: it is chosen by training, and no parameter. `playback_delay_s` is not live: `speaker` and
`motor_driver` could not change it in the same instant.

Quality of service, all of it keeping the last n messages: **sound** is whole, **motion** is reliable and shallow, an **image**
may be lost, and how something stands is latched: who comes later hears it, too. None has a DDS deadline: a publisher that
offers none would not be heard, and every pause in speech would be a missed one. A command has its own lifetime instead, and
`motor_driver` counts the poses that miss `deadline_s`.
"""


def page() -> str:
    """The whole file, in Markdown. Starts and ends all nodes; takes seconds, and leaves this process a lower priority."""
    arguments = ["--ros-args", "--log-level", "fatal", "-p", f"audio_file:file:={resource('samples/avonlea.opus')}"]
    with TemporaryDirectory() as folder:
        rclpy.init(args=[*arguments, "-p", "monitor:show:=file", "-p", f"monitor:file:={folder}/nothing.rrd"])
        try:
            with closing(Composition([])) as composition:
                failures = []  # which keep their nodes alive
                sections = []
                for name, kind in NODES.items():
                    module = importlib.import_module(f".{name}", __package__)
                    try:
                        composition.add(name, getattr(module, kind))
                        node = composition.nodes[name]
                    except BadInputError as failure:
                        failures.append(failure)
                        node = _unfinished(failure)
                    sections.append("\n".join(_section(node, (module.__doc__ or "").splitlines()[0])))
                return "\n".join([HEAD, *sections])
        finally:
            rclpy.try_shutdown()


def _unfinished(failure: BadInputError) -> common.Configured:
    """The node that could not be made for want of a device."""
    frames = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(failure.__traceback__))
    return next(each for each in frames if isinstance(each, common.Configured))


def _section(node: common.Configured, says: str) -> Iterator[str]:
    name = node.get_name()
    yield f"## {name}\n\n{says.split('   ')[0]}\n"
    topics = [("hears", each) for each in node.subscriptions] + [("sends", each) for each in node.publishers]
    topics = [(way, each) for way, each in topics if each.topic_name.lstrip("/") not in ("parameter_events", "rosout")]
    rows = [
        f"| {way} | `{each.topic_name.removeprefix('/')}` | {_type(each.msg_type)} | {_quality(each.qos_profile)} |"
        for way, each in topics
        if each.topic_name != diagnostics.TOPIC
    ]
    beside = [each for each in node.get_node_names() if each not in NODES]
    for owner in [name, *(beside if name == "motor_driver" else [])]:
        rows += [
            f"| serves | `{service.removeprefix('/')}` | {', '.join(kinds).replace('/srv', '')} | |"
            for service, kinds in node.get_service_names_and_types_by_node(owner, "/")
            if not (kinds[0].startswith(ROS2S_OWN) or "/_action/" in service)
        ]
        rows += [
            f"| serves | `{action.removeprefix('/')}` | {', '.join(kinds).replace('/action', '')} | action |"
            for action, kinds in get_action_server_names_and_types_by_node(node, owner, "/")
        ]
    if rows:
        yield "| | name | type | quality of service |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    parameters = [key for key in node.get_parameters_by_prefix("") if key not in common.BUILT_IN]
    if parameters:
        yield "| parameter | default | range | live | |\n|---|---|---|---|---|"
        for described in node.describe_parameters(parameters):
            preset = node.fields[described.name].metadata["default"]
            default = "" if described.name == REQUIRED.get(name) else f"`{json.dumps(preset)}`"
            live = "" if described.read_only else "live"
            yield f"| `{described.name}` | {default} | {_range(described)} | {live} | {described.description} |"
        yield ""


def _range(described: ParameterDescriptor) -> str:
    spans = [*described.floating_point_range, *described.integer_range]
    return f"{spans[0].from_value:g}…{spans[0].to_value:g}" if spans else ""


def _type(kind: type) -> str:
    return f"{kind.__module__.split('.')[0]}/{kind.__name__}"


def _quality(profile: QoSProfile) -> str:
    latched = ", latched" if profile.durability is DurabilityPolicy.TRANSIENT_LOCAL else ""
    return f"{profile.reliability.name.lower().replace('_', ' ')}, last {profile.depth}{latched}"


if __name__ == "__main__":
    os.environ["ROS_DOMAIN_ID"] = DOMAIN
    common.stay_local()
    print(page(), end="")
