"""Transcripts and sound to phones: the alignment of a real recording, and how other languages are spelt."""

from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.audio.mel import FRAME_RATE, LogMel
from lipsync_robot.errors import BadInputError
from lipsync_robot.learning import phones, sound, voices

# LibriSpeech 103-1240-0000
TEXT = (
    "chapter one missus rachel lynde is surprised missus rachel lynde lived just where the avonlea main road dipped down into "
    "a little hollow fringed with alders and ladies eardrops and traversed by a brook"
)
LYNDE, AVONLEA, EARDROPS = ("L", "IH", "N", "D"), ("AE", "V", "AA", "N", "L", "IY"), ("IH", "R", "D", "R", "AA", "P", "S")
SPELT = {"lynde": LYNDE, "avonlea": AVONLEA, "eardrops": EARDROPS}
VOWELS = {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "IY", "OW", "UW"}


def test_a_recording_is_aligned_with_what_is_said(speech: np.ndarray) -> None:
    mel = LogMel()(speech)
    words = [phones.Word(word, SPELT.get(word, ())) for word in TEXT.split()]
    aligned = phones.Aligner("en")(speech, words, len(mel))
    names = np.array(phones.PHONES)[aligned]
    begins = np.flatnonzero(np.diff(aligned, prepend=-2))
    said = [names[at] for at in begins if names[at] != "SIL"]
    assert said[:10] == ["CH", "AE", "P", "T", "ER", "W", "AH", "N", "M", "IH"]
    assert said[-4:] == ["B", "R", "UH", "K"]
    level = mel.mean(axis=1)
    vowels, silence = np.isin(names, list(VOWELS)), aligned == phones.SILENCE
    assert np.median(level[vowels]) > np.median(level[silence]) + 15  # dB
    closed = np.isin(names, ["P", "B", "T", "D", "K"])
    assert np.median(level[closed]) < np.median(level[vowels]) - 5
    assert 10 * FRAME_RATE < (aligned > 0).sum() < len(mel)


def test_a_table_tells_the_words_of_each_file(tmp_path: Path) -> None:
    table = tmp_path / "transcripts.tsv"
    table.write_text(
        "corpus\tfile\ttext\tphones\n"
        "ours\ta.opus\tDON'T GO\tD_B OW0_I N_I T_E | G_B OW0_E\n"
        "ours\tb.opus\tGo on.\t\n"
        "ours\tc.opus\t42 of them\t\n"
        "theirs\td.opus\tno\t\n"
    )
    said = phones.transcripts(table, "ours")
    assert said == {
        "a.opus": [phones.Word("don't", ("D", "OW", "N", "T")), phones.Word("go", ("G", "OW"))],
        "b.opus": [phones.Word("go"), phones.Word("on")],
    }
    with pytest.raises(BadInputError, match="no row whose corpus is 'hers'"):
        phones.transcripts(table, "hers")


def test_other_languages_are_spelt_in_the_nearest_phones() -> None:
    assert phones.pronunciation("mund", "de") == ("M", "UH", "N", "T")
    assert phones.pronunciation("deutsch", "de") == ("D", "OY", "CH")
    assert phones.pronunciation("maan", "nl") == ("M", "AA", "N")
    with pytest.raises(BadInputError, match="'xx'"):
        phones.pronunciation("mund", "xx")


def test_without_espeak_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadInputError, match="install espeak-ng"):
        phones.pronunciation("lippe", "de")


def test_packed_voices_carry_their_phones(tmp_path: Path, recording: Path) -> None:
    folder = tmp_path / "voices"
    folder.mkdir()
    (folder / "one.opus").write_bytes(recording.read_bytes())
    (folder / "two.opus").write_bytes(recording.read_bytes())
    (tmp_path / "said.tsv").write_text(f"corpus\tfile\ttext\nvoices\tone.opus\t{TEXT.replace('lynde', 'lind')}\n")
    (tmp_path / "others.tsv").write_text("corpus\tfile\ttext\nvoices\telsewhere.opus\tthe voice\n")
    with pytest.raises(BadInputError, match=r"others.tsv: names no file of .*, such as "):
        sound.prepare(folder, tmp_path / "voices.npy", 1, sound.Spoken(tmp_path / "others.tsv", "en"))
    assert sound.prepare(folder, tmp_path / "voices.npy", 1, sound.Spoken(tmp_path / "said.tsv", "en")) == []
    aligned = np.load(sound.phones_of(tmp_path / "voices.npy"))
    half = len(aligned) // 2
    assert len(aligned) == len(np.load(tmp_path / "voices.npy"))
    assert (aligned[half:] == phones.UNKNOWN).all()
    assert len(set(aligned[:half].tolist())) > 20
    mel, spoken = voices.Sequences([tmp_path / "voices.npy"], 100)[0]
    assert mel.shape == (100, 80)
    assert spoken.shape == (100,)
