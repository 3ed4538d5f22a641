"""What is said, in words: the recording, by its transcript in samples/README.md."""

import difflib

import numpy as np
import pytest

from lipsync_robot.audio.mel import SAMPLE_RATE
from lipsync_robot.audio.recognition import Recogniser, Words

pytest.importorskip("pocketsphinx", reason="comes with requirements-train.txt")

SAID = """chapter one mrs rachel lynde is surprised mrs rachel lynde lived just where the avonlea main road dipped down into a
    little hollow fringed with alders and ladies' eardrops and traversed by a brook"""


def heard(recogniser: Recogniser, samples: np.ndarray, block: int) -> list[Words]:
    blocks = np.split(samples, range(block, len(samples), block))
    return [words for some in blocks for words in recogniser(some)]


@pytest.fixture(scope="module")
def reading(speech: np.ndarray) -> np.ndarray:
    """With the second of silence that ends it."""
    return np.concatenate([np.rint(speech * 32767).astype(np.int16), np.zeros(SAMPLE_RATE, np.int16)])


def test_most_of_what_is_read_is_heard_while_it_is_read(reading: np.ndarray) -> None:
    recogniser = Recogniser()
    told = heard(recogniser, reading, 320)
    finals = [words for words in told if words.final]
    text = " ".join(words.text for words in finals).split()
    right = sum(run.size for run in difflib.SequenceMatcher(None, text, SAID.split(), autojunk=False).get_matching_blocks())
    assert right > len(SAID.split()) / 2, text
    assert len(text) < 1.5 * len(SAID.split()), text
    assert len(told) > 2 * len(finals)  # texts that grow
    assert all(0 <= words.confidence <= 1 for words in told)
    assert not recogniser.speaking

    assert [words for words in heard(Recogniser(), reading, 1000) if words.final] == finals


def test_silence_and_what_was_called_back_say_nothing(reading: np.ndarray) -> None:
    recogniser = Recogniser()
    assert not heard(recogniser, np.zeros(3 * SAMPLE_RATE, np.int16), 320)
    assert heard(recogniser, reading[: 3 * SAMPLE_RATE], 320)
    recogniser.reset()
    assert not heard(recogniser, np.zeros(3 * SAMPLE_RATE, np.int16), 320)
