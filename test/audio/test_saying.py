"""What `say` is made of: feed, chunks, pipes, programs that speak. No clock but the one that is passed in."""

import io
import os
import struct
import subprocess
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsync_robot.audio import files, tts
from lipsync_robot.audio.chunks import LONGEST_S, ChunkError, Chunks
from lipsync_robot.audio.feed import AHEAD_S, Feed
from lipsync_robot.audio.mel import HOP, SAMPLE_RATE
from lipsync_robot.audio.pacing import HOP_S, blocks


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_blocks_hold_every_sample_in_order(lengths: list[int]) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32767, sum(lengths)).astype(np.int16)
    pieces = np.split(samples / np.float32(files.FULL_SCALE), np.cumsum(lengths))
    got = list(blocks(iter(pieces)))
    assert all(block.shape == (HOP,) for block in got)
    said = np.concatenate([*got, np.empty(0, np.int16)])
    assert (said[: len(samples)] == samples).all() and not said[len(samples) :].any() and len(said) - len(samples) < HOP


def taken(feed: Feed) -> np.ndarray:
    got = [np.empty(0, np.int16)]
    while not feed.over:
        block = feed.take()
        if block is None:
            time.sleep(0.001)
        else:
            got.append(block)
    return np.concatenate(got)


def test_a_feed_is_a_little_ahead_and_no_more() -> None:
    made = []

    def endless() -> Iterator[np.ndarray]:
        while True:
            made.append(1)
            yield np.full(HOP, 0.5, np.float32)

    feed = Feed(endless())
    while len(made) * HOP_S < AHEAD_S:
        time.sleep(0.001)
    time.sleep(0.2)
    assert len(made) * HOP_S < AHEAD_S + 0.1
    feed.close()
    assert not feed.error


def test_a_feed_says_why_its_sound_broke_off() -> None:
    def breaks() -> Iterator[np.ndarray]:
        yield np.ones(HOP, np.float32)
        raise files.AudioFileError("x.wav: the sound breaks off.")

    feed = Feed(breaks())
    assert len(taken(feed)) == HOP
    assert feed.error == "x.wav: the sound breaks off."


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_chunks_of_any_size_and_rate_are_one_sound(rate: int) -> None:
    tone = (8000 * np.sin(2 * np.pi * 500 * np.arange(rate) / rate)).astype(np.int16)
    chunks = Chunks()
    for piece in np.split(tone, np.sort(np.random.default_rng(rate).integers(0, rate, 40))):
        chunks.add(piece, rate)
    chunks.end()
    said = np.concatenate(list(chunks))
    assert len(said) == pytest.approx(SAMPLE_RATE, abs=2)
    expected = 8000 / files.FULL_SCALE * np.sin(2 * np.pi * 500 * np.arange(len(said)) / SAMPLE_RATE)
    assert np.abs(said - expected)[100:-100].max() < 0.01  # no click at any seam


def test_absurd_chunks_are_refused_in_a_sentence() -> None:
    chunks = Chunks()
    for rate in (0, 7999, 192_000):
        with pytest.raises(ChunkError, match=f"sample_rate of {rate} Hz; send 8000 to 48000 Hz"):
            chunks.add(np.zeros(10, np.int16), rate)
    with pytest.raises(ChunkError, match="more than 600 s wait"):
        chunks.add(np.zeros(round(LONGEST_S * 8000) + 1, np.int16), 8000)


def in_wav(samples: np.ndarray, rate: int, channels: int = 1) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return written.getvalue()


class Dripping:
    """A pipe that gives a few bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self._content, self._random = io.BytesIO(content), np.random.default_rng(0)

    def read(self, count: int) -> bytes:
        return self._content.read(min(count, int(self._random.integers(1, 700))))


@pytest.mark.parametrize("size", ["true", "bogus", "none"])
def test_a_wav_is_read_from_a_pipe_whatever_its_length_says(speech: np.ndarray, size: str) -> None:
    samples = (speech[:20_000] * 32767).astype(np.int16)
    wav = in_wav(samples, SAMPLE_RATE)
    at = wav.index(b"data") + 4
    told = {"true": wav[at : at + 4], "bogus": b"\xff\xff\xff\x7f", "none": b"\0\0\0\0"}[size]
    after = b"LIST no sound" if size == "true" else b""
    got = np.concatenate(list(files.decode_pipe(Dripping(wav[:at] + told + wav[at + 4 :] + after), "pipe")))
    assert (np.round(got * files.FULL_SCALE) == samples).all()


def test_what_stands_before_the_samples_of_a_wav_is_passed_over(speech: np.ndarray) -> None:
    samples = (speech[:20_000] * 32767).astype(np.int16)
    wav = in_wav(samples, SAMPLE_RATE)
    at = wav.index(b"data")
    notes = b"".join(b"iXML" + struct.pack("<I", size) + bytes(size + size % 2) for size in (9001, 3))
    got = np.concatenate(list(files.decode_pipe(Dripping(wav[:at] + notes + wav[at:]), "pipe")))
    assert (np.round(got * files.FULL_SCALE) == samples).all()


def test_bare_samples_are_read_from_a_pipe_that_is_told_their_rate(speech: np.ndarray) -> None:
    samples = (speech[:20_000] * 32767).astype(np.int16)
    got = np.concatenate(list(files.decode_pipe(Dripping(samples.tobytes()), "pipe", SAMPLE_RATE)))
    assert (np.round(got * files.FULL_SCALE) == samples).all()
    stereo = np.stack([samples, samples], 1)
    got = np.concatenate(list(files.decode_pipe(Dripping(in_wav(stereo, SAMPLE_RATE, 2)), "pipe")))
    assert (np.round(got * files.FULL_SCALE) == samples).all()


def test_a_pipe_is_heard_before_it_ends(speech: np.ndarray) -> None:
    reading, writing = os.pipe()
    os.write(writing, in_wav(speech[:1600] * 32767, SAMPLE_RATE)[:-800])
    pieces = files.decode_pipe(os.fdopen(reading, "rb", buffering=0), "pipe")
    assert len(next(pieces)) > 0  # with most of the WAV still to be written
    os.close(writing)


@pytest.mark.parametrize("content", [b"", b"no", b"no sound at all", b"RIFF\0\0\0\0WAVEfmt ", in_wav(np.zeros(9), 8000)[:30]])
def test_what_is_no_wav_is_one_sentence(content: bytes) -> None:
    with pytest.raises(files.AudioFileError, match=r"espeak: .* no WAV"):
        list(files.decode_pipe(io.BytesIO(content), "espeak"))


def speaks(tmp_path: Path, script: str) -> str:
    program = tmp_path / "speaks"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_a_program_reads_a_text_or_takes_it_and_nothing_in_it_is_a_command(tmp_path: Path) -> None:
    (tmp_path / "one.wav").write_bytes(in_wav(np.ones(500), SAMPLE_RATE))
    text = "; touch danger; --help $(touch danger) é\0"
    for argument, keeps in (("", "cat > said"), (" {text}", 'printf "%s" "$1" > said')):
        program = speaks(tmp_path, f"cd {tmp_path}; {keeps}; cat one.wav")
        assert len(np.concatenate(list(tts.Speech(program + argument, text)))) == 500
        assert (tmp_path / "said").read_text() == text.replace("\0", " ")
    assert not (tmp_path / "danger").exists()
    list(tts.Speech(speaks(tmp_path, f'printf "%s" "$1" > {tmp_path}/said; cat {tmp_path}/one.wav') + " {text}", "-5 degrees"))
    assert (tmp_path / "said").read_text() == " -5 degrees"  # which no program takes for an option


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo no voice >&2; exit 3", "has failed (no voice)"),
        ("true", "what it writes is no WAV"),
        ("echo hello", "what it writes is no WAV"),
        ("kill -9 $$", "has failed (without a word)"),
    ],
)
def test_a_program_that_fails_says_why(tmp_path: Path, script: str, says: str) -> None:
    with pytest.raises((tts.SpeechError, files.AudioFileError)) as failed:
        list(tts.Speech(speaks(tmp_path, script), "hello"))
    assert says in str(failed.value)


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    speech = tts.Speech(speaks(tmp_path, f"sleep 1000 & echo $! > {tmp_path}/child; wait"), "hello")
    feed = Feed(iter(speech), speech.close)
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text().strip():
        time.sleep(0.01)
    feed.close()
    while not feed.over:
        time.sleep(0.01)
    child = (tmp_path / "child").read_text().strip()
    state = subprocess.run(["ps", "-o", "stat=", "-p", child], capture_output=True, text=True, check=False).stdout
    assert state.strip()[:1] in ("", "Z")


def test_without_any_program_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(tts.SpeechError, match="sudo apt-get install espeak-ng"):
        tts.command("")
    with pytest.raises(tts.SpeechError, match="no such program"):
        tts.command("piper --model x.onnx")
    with pytest.raises(tts.SpeechError, match="No closing quotation"):
        tts.command("piper 'x")


def test_a_closed_program_is_not_even_started(tmp_path: Path) -> None:
    speech = tts.Speech(speaks(tmp_path, f"touch {tmp_path}/started"), "hello")
    speech.close()
    assert list(speech) == []
    assert not (tmp_path / "started").exists()
