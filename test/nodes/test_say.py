"""A robot that is told to speak, by a client of its action: what is heard of it, what it answers, and that a stop is a stop."""

import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from action_msgs.msg import GoalStatus
from lipsync_robot.action import Say
from lipsync_robot.msg import Audio, MotorCommand, SayChunk
from nodes.conftest import Ear, started
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from lipsync_robot.audio import files
from lipsync_robot.audio.mel import HOP, SAMPLE_RATE
from lipsync_robot.motors.description import Robot
from lipsync_robot.nodes import common
from lipsync_robot.nodes.say_client import GREETING_S, greeting
from lipsync_robot.resources import resource

CHAIN = ("twin", "motor_driver", "inverse_model", "retarget", "audio2landmark", "speaker", "say")
DELAY_S = 0.15  # of playback, where no motion hangs on it
ALONE = ("-p", "await_chain:=false")
HOP_S = HOP / SAMPLE_RATE
SETTLED_S = 0.5  # two ends of a topic do not find each other in the same instant
SUCCEEDED, ABORTED, CANCELLED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED, GoalStatus.STATUS_CANCELED


class Said:
    """A request and all the answers to it."""

    def __init__(self, client: ActionClient, goal: dict[str, Any], now: Callable[[], float]) -> None:
        self.feedback: list[tuple[float, Any]] = []  # (when it came, what it says)
        self.answers: list[Any] = []
        self.handle: Any = None
        said = client.send_goal_async(Say.Goal(**goal), lambda message: self.feedback.append((now(), message.feedback)))
        said.add_done_callback(self._on_accepted)

    def _on_accepted(self, future: Any) -> None:
        self.handle = future.result()
        self.handle.get_result_async().add_done_callback(lambda answer: self.answers.append(answer.result()))

    @property
    def speaks(self) -> bool:
        return any(feedback.speaking and feedback.heard_s > 0 for _, feedback in self.feedback)

    @property
    def outcome(self) -> tuple[int, str]:
        (answer,) = self.answers
        return answer.status, answer.result.message

    @property
    def heard_s(self) -> float:
        return self.answers[0].result.heard_s


class Client:
    """Somebody who has the robot speak, and hears it."""

    def __init__(self, ear: Ear, namespace: str = "") -> None:
        self.ear = ear
        self.sound, self.voids = ear.hear(Audio, f"{namespace}audio", common.SOUND), ear.hear(Header, f"{namespace}audio/void")
        self._stop = ear.node.create_client(Trigger, f"{namespace}say/stop")
        self._action = ActionClient(ear.node, Say, f"{namespace}say")
        self._chunks = ear.node.create_publisher(SayChunk, f"{namespace}say/chunks", common.CHUNKS)
        assert ear.until(
            lambda: self._action.server_is_ready()
            and self._stop.service_is_ready()
            and self._chunks.get_subscription_count()
            and ear.node.count_publishers(f"{namespace}audio")
        )
        assert ear.until(lambda: ear.until(greeting(self._action).done, GREETING_S))
        ear.until(lambda: False, SETTLED_S)

    def now(self) -> float:
        return self.ear.node.get_clock().now().nanoseconds * 1e-9

    def say(self, **goal: Any) -> Said:
        """Returns once the request was accepted."""
        said = Said(self._action, {key: str(value) if key == "file" else value for key, value in goal.items()}, self.now)
        assert self.ear.until(lambda: said.handle is not None)
        assert said.handle.accepted
        return said

    def answered(self, *requests: Said) -> bool:
        return self.ear.until(lambda: all(said.answers for said in requests))

    def stop(self) -> None:
        answer = self._stop.call_async(Trigger.Request())
        assert self.ear.until(answer.done)
        assert answer.result().success

    def send(self, said: Said, samples: np.ndarray, rate: int, last: bool = False) -> None:
        data = array.array("h", samples.astype(np.int16).tobytes())
        self._chunks.publish(SayChunk(request=said.handle.goal_id, sample_rate=rate, samples=data, last=last))

    def samples(self) -> np.ndarray:
        """What was heard, but for hops of silence."""
        hops = [np.frombuffer(message.samples, np.int16) for message in self.sound]
        return np.concatenate([np.empty(0, np.int16), *(hop for hop in hops if hop.any())])

    def settled(self) -> bool:
        """Whether all that was said has come here: nothing new comes."""
        seen = len(self.sound)
        return not self.ear.until(lambda: len(self.sound) > seen, 0.2) or self.settled()


@pytest.fixture(scope="module")
def ear() -> Iterator[Ear]:
    rclpy.init()
    yield Ear()
    rclpy.shutdown()


@pytest.fixture(scope="module")
def speaker(ear: Ear) -> Iterator[Client]:
    """The node `say` alone."""
    starting = started(resource("config/speak.yaml"))
    next(starting)("say", "-r", "__ns:=/alone", *ALONE)
    yield Client(ear, "alone/")
    next(starting, None)


@pytest.fixture
def client(speaker: Client) -> Client:
    """With nothing to say, and nothing of what others had it say."""
    speaker.stop()
    assert speaker.settled()
    speaker.sound.clear()
    speaker.voids.clear()
    return speaker


@pytest.fixture(scope="module")
def short(make_sound: Callable[..., Path], recording: Path) -> Path:
    return make_sound("short.wav", "-ar", "16000", source=f"amovie={recording},atrim=0.6:1.1")


@pytest.fixture
def hasty(tmp_path: Path) -> list[str]:
    """Arguments of a node that soon gives up."""
    (tmp_path / "hasty.yaml").write_text("/**/say: {ros__parameters: {patience_s: 0.5}}\n")
    return ["--params-file", str(tmp_path / "hasty.yaml")]


def test_a_file_is_heard_whole_and_then_answered(client: Client, short: Path) -> None:
    said = client.say(file=short)
    assert client.answered(said)
    assert said.outcome == (SUCCEEDED, "")
    answered = client.now()
    assert client.settled()
    samples = (files.read(short) * files.FULL_SCALE).astype(np.int16)
    assert (client.samples()[: len(samples)] == samples).all()
    assert said.heard_s == pytest.approx(len(samples) / SAMPLE_RATE, abs=HOP_S)
    stamps = [common.seconds(message.header.stamp) for message in client.sound]
    assert np.diff(stamps).min() > HOP_S - 0.005
    heard_by = stamps[0] + said.heard_s + DELAY_S
    assert answered > heard_by - 0.005  # feedback follows what is heard, not what was sent
    for when, feedback in said.feedback:
        assert feedback.heard_s < max(0.0, when - stamps[0] - DELAY_S) + 0.005
    assert np.diff([feedback.heard_s for _, feedback in said.feedback]).min() >= 0
    tail = [hop for hop in client.sound if not np.any(hop.samples)]
    assert 0.5 < len(tail) * HOP_S < 0.8  # in which the mouth closes; and then nothing


def test_a_text_is_spoken(client: Client) -> None:
    said = client.say(text="-v $(exit)")
    assert client.answered(said)
    assert said.outcome == (SUCCEEDED, "")
    assert said.heard_s > 0.3
    assert np.abs(client.samples().astype(float)).mean() > 300


@pytest.mark.parametrize("rate", [22050, 48000])
def test_a_stream_of_odd_chunks_is_one_sound(client: Client, rate: int) -> None:
    said = client.say(stream=True)
    tone = 8000 * np.cos(2 * np.pi * 500 * np.arange(rate // 2) / rate)
    pieces = np.split(tone, np.sort(np.random.default_rng(rate).integers(0, len(tone), 30)))
    for i, piece in enumerate(pieces):
        client.send(said, piece, rate, last=i == len(pieces) - 1)
    assert client.answered(said)
    assert said.outcome == (SUCCEEDED, "")
    assert said.heard_s == pytest.approx(0.5, abs=1.5 * HOP_S)
    assert client.settled()
    spectrum = np.abs(np.fft.rfft(client.samples()[: SAMPLE_RATE // 2]))
    assert spectrum.argmax() * 2 == pytest.approx(500, abs=3)  # Hz


def test_requests_wait_for_their_turn(client: Client, short: Path) -> None:
    first, second = client.say(file=short), client.say(stream=True)
    tone = np.full(3200, 1000)
    client.send(second, tone, SAMPLE_RATE, last=True)  # while it waits
    assert not second.speaks
    assert client.answered(second)
    assert first.outcome == second.outcome == (SUCCEEDED, "")
    assert client.settled()
    assert not any(feedback.speaking for _, feedback in second.feedback[:1])
    assert (client.samples()[-len(tone) :] == tone).all()
    assert client.voids == []


def test_a_newer_request_interrupts_and_all_before_it_are_answered(client: Client, recording: Path, short: Path) -> None:
    spoken, waiting = client.say(file=recording), client.say(file=recording)
    assert client.ear.until(lambda: spoken.speaks)
    newer = client.say(file=short, interrupt=True)
    assert client.answered(newer, spoken, waiting)
    assert spoken.outcome == waiting.outcome == (ABORTED, "interrupted by a newer request.")
    assert spoken.heard_s >= spoken.feedback[-1][1].heard_s > 0
    assert waiting.heard_s == 0
    assert newer.outcome == (SUCCEEDED, "")
    (void,) = [common.seconds(message.stamp) for message in client.voids]
    samples = (files.read(short) * files.FULL_SCALE).astype(np.int16)

    def after() -> np.ndarray:
        later = [message.samples for message in client.sound if common.seconds(message.header.stamp) >= void]
        return np.concatenate([np.empty(0, np.int16), *(np.frombuffer(hop, np.int16) for hop in later if np.any(hop))])

    assert client.ear.until(lambda: len(after()) >= len(samples))
    assert len(after()) < len(client.samples())
    assert (after()[: len(samples)] == samples).all()  # from its very first sample, with nothing of the old one


def test_a_cancelled_request_is_answered_and_the_others_go_on(client: Client, recording: Path, short: Path) -> None:
    spoken, waiting, last = client.say(file=recording), client.say(file=recording), client.say(file=short)
    assert client.ear.until(lambda: spoken.speaks)
    waiting.handle.cancel_goal_async()
    assert client.answered(waiting)
    assert waiting.outcome == (CANCELLED, "cancelled.")
    assert client.voids == []  # what is being said is not disturbed
    spoken.handle.cancel_goal_async()
    assert client.answered(last, spoken)
    assert spoken.outcome == (CANCELLED, "cancelled.")
    assert last.outcome == (SUCCEEDED, "")
    last.handle.cancel_goal_async()  # too late
    assert client.settled()
    assert last.outcome == (SUCCEEDED, "")


def test_what_cannot_be_said_is_answered_in_a_sentence(client: Client, short: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF not really" * 100)
    one = "there is nothing to say, or too much: give one of file, text and stream."
    for goal, says in (
        ({"file": "/nowhere/hello.wav"}, "/nowhere/hello.wav: no such file"),
        ({"file": tmp_path / "broken.wav"}, "not a sound file that FFmpeg can read"),
        ({"file": "x" * 5000}, "File name too long"),
        ({"text": ""}, one),
        ({"text": " \n"}, one),
        ({"text": "hello", "file": short}, one),
        ({"text": "hello", "stream": True}, one),
    ):
        said = client.say(**goal)
        assert client.answered(said)
        assert said.outcome[0] == ABORTED
        assert says in said.outcome[1]
    for rate in (0, 1_000_000):
        absurd = client.say(stream=True)
        client.send(absurd, np.ones(100), rate)
        assert client.answered(absurd)
        assert absurd.outcome == (ABORTED, f"a chunk has a sample_rate of {rate} Hz; send 8000 to 48000 Hz.")
        client.send(absurd, np.ones(100), SAMPLE_RATE)  # after its end: nobody's
    assert client.samples().size == 0


def test_a_robot_that_lacks_something_says_what(ear: Ear, start, hasty, monkeypatch, short: Path) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    start("say", "-r", "__ns:=/bare", *hasty)
    client = Client(ear, "bare/")
    starving, mute, unmoved = client.say(stream=True), client.say(text="hello"), client.say(file=short)
    assert client.answered(starving, mute, unmoved)
    assert starving.outcome == (ABORTED, "no sound came for 0.5 s.")
    assert mute.outcome == (ABORTED, "there is no program here that speaks a text. Run: sudo apt-get install espeak-ng")
    assert unmoved.outcome[0] == ABORTED
    assert "nobody hears it: are audio2landmark," in unmoved.outcome[1]
    assert client.sound == []


class Robotic(Client):
    """A whole robot that speaks, two seconds late: what is stopped is still on its way for as long."""

    def __init__(self, ear: Ear, robot: Robot) -> None:
        self.sent = ear.hear(JointState, "motor/sent")
        self._commands = ear.node.create_publisher(MotorCommand, "motor/command", 10)
        self.jaw, self.neutral = robot.names.index("jaw"), np.array(robot.neutral)
        super().__init__(ear)

    def away(self) -> float:
        """How far from neutral the last positions on the wire are, 0..1."""
        return float(np.abs(np.array(self.sent[-1].position) - self.neutral).max())

    def moves(self) -> bool:
        return self.away() > 0.1

    def command(self, stamp: float) -> None:
        """Opens the jaw, as if it belonged to that sound."""
        positions = self.neutral.copy()
        positions[self.jaw] = 0.9
        message = MotorCommand(positions=array.array("f", positions))
        message.header.stamp, message.lifetime.sec = common.to_stamp(stamp), 30
        self._commands.publish(message)

    def rests(self) -> bool:
        return self.away() < 0.005


@pytest.fixture(scope="module")
def speaking(ear: Ear, patient: Path, robot: Robot) -> Iterator[Robotic]:
    starting = started(patient)
    start = next(starting)
    for name in CHAIN:
        start(name)
    yield Robotic(ear, robot)
    next(starting, None)


def test_a_stop_leaves_nothing_of_it_on_the_wire(speaking: Robotic, recording: Path) -> None:
    said = speaking.say(file=recording)
    assert speaking.ear.until(lambda: speaking.sent and speaking.moves())
    speaking.stop()
    assert speaking.answered(said)
    assert said.outcome == (ABORTED, "stopped.")
    assert speaking.ear.until(lambda: speaking.voids)
    stopped = common.seconds(speaking.voids[-1].stamp)
    assert speaking.ear.until(speaking.rests)
    speaking.command(stopped - 0.5)  # a pose that comes late: due 1.5 s after the stop
    assert speaking.ear.until(lambda: speaking.now() > stopped + 2.2)
    stamps = np.array([common.seconds(message.header.stamp) for message in speaking.sent])
    first = int(np.flatnonzero(stamps >= stopped)[0])  # the driver's own motion home, or rest
    assert (stamps[first:] >= stopped).all()
    away = np.array([np.abs(np.array(message.position) - speaking.neutral) for message in speaking.sent[first:]])
    assert np.diff(away, axis=0).max() < 1e-6  # only ever nearer to neutral

    speaking.command(speaking.now())  # the same, of what was not stopped
    assert speaking.ear.until(speaking.moves)
    assert speaking.ear.until(speaking.rests)
    again = speaking.say(file=recording)
    assert speaking.ear.until(speaking.moves)
    speaking.stop()
    assert speaking.answered(again)


def test_whatever_comes_over_it_every_request_is_answered_and_the_face_ends_at_neutral(
    speaking: Robotic, recording: Path, short: Path
) -> None:
    random = np.random.default_rng(0)
    requests: list[Said] = []

    def say() -> None:
        goal = [{"file": recording}, {"file": short}, {"text": "Good morning"}, {"stream": True}, {"file": "/nowhere"}]
        requests.append(speaking.say(**goal[random.integers(5)], interrupt=bool(random.integers(2))))

    def chunk() -> None:
        speaking.send(requests[-1], random.integers(-9999, 9999, 999), int(random.integers(1, 100_000)))

    def cancel() -> None:
        requests[random.integers(len(requests))].handle.cancel_goal_async()

    for _ in range(20):
        say()
        for _ in range(random.integers(1, 4)):
            random.choice(np.array([say, chunk, cancel, speaking.stop]))()
            speaking.ear.until(lambda: False, random.uniform(0, 0.1))
    speaking.stop()
    assert speaking.answered(*requests)
    speaking.ear.until(lambda: False, 0.5)
    assert {len(said.answers) for said in requests} == {1}
    assert speaking.ear.until(speaking.rests)
    home = len(speaking.sent)
    speaking.ear.until(lambda: False, 2.5)  # all that was ever on its way
    assert len(speaking.sent) > home
    assert all(np.abs(np.array(m.position) - speaking.neutral).max() < 0.005 for m in speaking.sent[home:])


def test_two_robots_hear_only_their_own(ear: Ear, start, hasty, short: Path, recording: Path) -> None:
    start("say", "-r", "__ns:=/west", *ALONE, *hasty)
    start("say", "-r", "__ns:=/east", *ALONE)
    left, right = Client(ear, "west/"), Client(ear, "east/")
    long, said = left.say(file=recording), right.say(file=short)
    assert ear.until(lambda: long.speaks)
    left.stop()
    starving = left.say(stream=True)
    left.send(starving, np.full(3200, 1000), SAMPLE_RATE)
    assert left.answered(long, starving) and right.answered(said)
    assert long.outcome == (ABORTED, "stopped.")
    assert said.outcome == (SUCCEEDED, "")
    assert starving.outcome == (ABORTED, "no sound came for 0.5 s.")  # after its first 0.2 s
    assert len(left.voids) == 1 and right.voids == []
    assert left.samples().size and right.samples().size
