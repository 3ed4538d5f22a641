"""How soon a robot speaks when it is told to, how soon it stops, and whether anything can leave it unanswered or agape."""

import contextlib
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from lipsync_robot.msg import Audio
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from robot import CHAIN, MOVING, PATIENCE_S, Bench

from lipsync_robot.cli.bench_graph import playback_delay_s
from lipsync_robot.nodes import common
from lipsync_robot.nodes.say_client import SayClient, Saying, connected
from lipsync_robot.resources import resource

REQUESTS = 100  # of a file, and as many of a text
STOPS = 200
SEQUENCES = 500
DELAY_S = playback_delay_s()
AT_NEUTRAL = 0.01  # of the range
SETTLED_S = 0.15  # at neutral for so long, or it was only passing
WATCHED_S = 0.5  # after a stop
WARM_S = 3.0
AWAY = 1e-4  # of the range: what a frame moves that is not on its way home


def run(bus: str) -> dict[str, Any]:
    bench = Bench(bus)
    try:
        for node in CHAIN[1:]:
            bench.start(node)
        bench.start("say")
        with connected() as client:
            user = User(bench, client)
            time.sleep(WARM_S)
            figures = {
                "request to first sound, file, ms": _spread([user.starts(file=str(bench.speech())) for _ in range(REQUESTS)]),
                "request to first sound, text, ms": _spread([user.starts(text="Good morning") for _ in range(REQUESTS)]),
            }
            stops = [user.stops() for _ in range(STOPS)]
            time.sleep(1.0)  # the log is written
            wire = [(event["t"], np.abs(_positions(bench, event) - bench.robot.neutral)) for event in bench.events("wire")]
            figures["stop to the last pose of speech, ms"] = _spread([_moved_on(began, wire) for began in stops if began])
            figures[f"did not move within {PATIENCE_S:g} s of a request"] = stops.count(0.0)  # a machine that is too busy
            figures |= user.sequences()
            user.close()
    finally:
        bench.close()
    return figures | {"broken": figures["never answered"] + figures["not at neutral"] > 0}


class User:
    """Has a robot speak, in every way there is."""

    def __init__(self, bench: Bench, client: SayClient) -> None:
        self._bench, self._client = bench, client
        self._random = np.random.default_rng(0)
        self._node = Node("bench")
        self._heard: list[tuple[float, float]] = []  # (when it came, when it is to be heard), s since the epoch
        self._node.create_subscription(Audio, "audio", self._on_audio, common.SOUND)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._executor.shutdown()

    def starts(self, **goal: Any) -> float:
        """-> seconds from a request to its first sound, which must have come in time to be heard then."""
        self._rest()
        self._heard.clear()
        asked = time.time()
        saying = self._client.say(**goal)
        self._await(lambda: self._heard, saying)
        came, heard = self._heard[0]
        self._client.stop()
        self._await(lambda: saying.result)
        return max(heard, came) - asked

    def stops(self) -> float:
        """Stops speech in mid-motion -> when it was told to, 0 if it did not come to move."""
        self._rest()
        saying = self._client.say(file=str(self._bench.speech()))
        moves = self._client.until(lambda: self._bench.open_by > MOVING, PATIENCE_S)
        time.sleep(float(self._random.uniform(0, 0.3)))
        when = time.monotonic() if moves else 0.0
        self._client.stop()
        self._await(lambda: saying.result)
        return when

    def sequences(self) -> dict[str, int]:
        asked = unanswered = agape = 0
        for _ in range(SEQUENCES):
            requests: list[Saying] = []
            for _ in range(self._random.integers(2, 7)):
                self._act(requests)
                self._serve(float(self._random.exponential(0.08)))
            if self._random.integers(2):
                self._client.stop()
            else:  # and a short one, that is heard to its end
                requests.append(self._client.say(text="Yes", interrupt=True))
            asked += len(requests)
            self._client.until(lambda requests=requests: all(request.result for request in requests), PATIENCE_S)
            unanswered += sum(request.result is None for request in requests)
            agape += not self._rest()
        return {"sequences": SEQUENCES, "requests": asked, "never answered": unanswered, "not at neutral": agape}

    def _act(self, requests: list[Saying]) -> None:
        accepted = [request for request in requests if request.accepted]
        what = self._random.integers(8)
        if what < 5 or not accepted:
            goals = (
                {"file": str(self._bench.speech())},
                {"file": str(resource("samples/avonlea.opus"))},
                {"text": "Good morning"},
                {"stream": True},
                {"file": str(Path("/nowhere.wav"))},
            )
            requests.append(self._client.say(**goals[self._random.integers(5)], interrupt=bool(self._random.integers(2))))
        elif what == 5:
            accepted[self._random.integers(len(accepted))].cancel()
        elif what == 6:
            self._client.stop()
        else:
            samples = self._random.integers(-9999, 9999, self._random.integers(0, 9999)).astype(np.int16)
            last = bool(self._random.integers(2))
            accepted[-1].send(samples, int(self._random.choice([0, 8000, 22050, 48000])), last)

    def _rest(self) -> bool:
        """Waits until the servos are at neutral and stay there -> whether they came to."""
        give_up = rests = time.monotonic()
        while time.monotonic() < min(rests + SETTLED_S, give_up + PATIENCE_S):
            self._client.spin(0.005)
            if not self._bench.open_by < AT_NEUTRAL:
                rests = time.monotonic()
        return bool(self._bench.open_by < AT_NEUTRAL)

    def _serve(self, seconds: float) -> None:
        self._client.until(lambda: False, seconds)

    def _await(self, condition: Any, of: Saying | None = None) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > give_up or (of and of.result):
                raise RuntimeError(f"nothing is said: {of and of.result}")
            self._client.spin(0.002)

    def _listen(self) -> None:
        with contextlib.suppress(ExternalShutdownException, rclpy_implementation.RCLError):  # its end, wherever that finds it
            self._executor.spin()

    def _on_audio(self, message: Audio) -> None:
        self._heard.append((time.time(), common.seconds(message.header.stamp) + DELAY_S))


def _positions(bench: Bench, event: dict[str, Any]) -> np.ndarray:
    return bench.robot.positions(np.array(event["wire"], float))


def _moved_on(began: float, wire: list[tuple[float, np.ndarray]]) -> float:
    """-> seconds from a stop to the last frame in which a servo moved any other way than home, 0 if none did."""
    frames = [(when, away) for when, away in wire if began - 0.05 < when < began + WATCHED_S]
    moving = [when for (_, before), (when, away) in pairwise(frames) if (away > before + AWAY).any()]
    return max(0.0, max(moving, default=began) - began)


def _spread(seconds: list[float]) -> dict[str, float]:
    names = ("n", "p50", "p95", "p99", "max")
    values = np.percentile(1000 * np.array(seconds), [50, 95, 99, 100])
    return dict(zip(names, [len(seconds), *values.round(1).tolist()], strict=True))
