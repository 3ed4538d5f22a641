"""`lipsync-robot motors stop` and `reset`: the emergency stop of a robot that runs, and its end."""

from rich.console import Console

from .robots import Namespace


def stop(namespace: Namespace = "") -> None:
    """Emergency stop: freezes the servos of a robot that runs where they are, until `motors reset`.

    The robot is one of the same ROS_DOMAIN_ID. This takes one or two seconds: a switch in the servos' power is faster.
    `babble`, `motors jog` and `motors limits` have no such stop: Ctrl-C ends them.
    """
    _call("motor/emergency_stop", namespace)


def reset(namespace: Namespace = "") -> None:
    """Ends an emergency stop: motion goes on from where the servos stand."""
    _call("motor/reset", namespace)


def _call(service: str, namespace: str) -> None:
    from ..nodes.visitor import call

    Console(stderr=True, highlight=False).print(f" {call(service, namespace) or 'done'}", soft_wrap=True)
