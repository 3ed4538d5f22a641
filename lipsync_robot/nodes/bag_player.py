"""One stage of what was recorded, as if it happened now.   rosbag2 -> [bag_player] -> the stage's topic, and its sound"""

from dataclasses import dataclass
from pathlib import Path

from builtin_interfaces.msg import Time

from .. import bags
from . import common
from .common import TO_MOTION, VOID, parameter
from .recorded import Recorded, Said
from .topics import ARROWS, STAGES

PERIOD_S = 0.002  # how late a message is at most while the machine keeps up
LATEST_S = 0.1  # beyond it time stands still, as on a machine that was asleep: what was said is said, and not all at once
START_S = 0.5  # after everybody listens: two ends of a topic do not find each other in the same instant


@dataclass
class Params:
    bag: str = parameter("", "Folder of the bag")
    stage: str = parameter("audio", f"What is played, for the nodes after it to answer: {', '.join(STAGES)}")
    rate: float = parameter(1.0, "How many times as fast as it was; sound has one speed", 0.05, 5.0)
    recorded_namespace: str = parameter("", "Of the robot that was recorded, where the bag holds several")
    await_chain: bool = parameter(True, "Start only once every arrow from the stage to the motors has somebody at its end")


class BagPlayerNode(common.Configured):
    """Stamps move with the messages: everything keeps its distance in time. `finished` turns true after the last message.

    At its own speed a later stage is played with the sound that it was for, which nobody but a loudspeaker heeds, and with what
    called that back.
    """

    def __init__(self) -> None:
        super().__init__("bag_player")
        self._params = params = self.declare(Params)
        recorded = Recorded(Path(params.bag), params.stage, params.recorded_namespace)
        if recorded.name == "audio" and params.rate != 1:
            raise common.ParameterError(
                f"node bag_player: rate is {params.rate:g}, but sound has one speed. Leave it at 1, or play another stage."
            )
        names = {recorded.name, *(name for name in ("audio", VOID) if params.rate == 1 and recorded.counted(name))}
        self._rest = recorded.messages(*names)
        self._next = next(self._rest, None)
        self.finished = False
        self.played = 0  # messages of the stage
        self.count = recorded.count
        self._name = recorded.name
        self._first = self._next.moment if self._next else 0  # ns since the epoch, as it was then
        self.total_s = (recorded.ends - self._first) / bags.NS / params.rate
        self._began: int | None = None  # the same, now
        self._paced = 0  # when it was last looked at what is due, the same way
        self._out = {name: self.create_publisher(ARROWS[name].message, name, ARROWS[name].quality) for name in names}
        self.create_timer(PERIOD_S, self._pace)

    @property
    def played_s(self) -> float:
        return 0.0 if self._began is None else max(0.0, self.now() - self._began / bags.NS)

    def _pace(self) -> None:
        """Publishes what is due: at most one message of a topic, because in one process its listeners have their turn then."""
        if self.finished or not self._may_start():
            return
        assert self._began is not None
        now = round(self.now() * bags.NS)
        self._began -= max(0, self._paced - now)  # the clock was set back
        self._paced = now
        said: set[str] = set()
        while self._next is not None and self._next.name not in said:
            late = now - self._now(self._next.moment)
            if late < 0:
                break
            if late > LATEST_S * bags.NS:
                self._began += late
            self._publish(self._next)
            said.add(self._next.name)
            self._next = next(self._rest, None)
        self.finished = self._next is None

    def _publish(self, said: Said) -> None:
        header = getattr(said.message, "header", said.message)  # what voids sound is nothing but one
        then = self._now(header.stamp.sec * bags.NS + header.stamp.nanosec)
        header.stamp = Time(sec=then // bags.NS, nanosec=then % bags.NS)
        self._out[said.name].publish(said.message)
        self.played += said.name == self._name

    def _now(self, moment: int) -> int:
        """A moment in the bag -> the one that it stands for now, both in ns since the epoch; at rate 1 to the nanosecond."""
        assert self._began is not None
        passed = moment - self._first
        return self._began + (passed if self._params.rate == 1 else round(passed / self._params.rate))

    def _may_start(self) -> bool:
        if self._began is None:
            arrows = TO_MOTION[max(0, list(STAGES).index(self._params.stage) - 1) :]
            if self._params.await_chain and not self.heard_to_the_end(self._out[self._name], arrows):
                return False
            self._began = round((self.now() + START_S) * bags.NS)
        return True


main = common.run_until_finished(BagPlayerNode)
