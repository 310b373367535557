"""Speech, transcripts and translations."""

from __future__ import annotations

import io
import re
import wave

import pytest

from demo.multipart import multipart

SAID = "The demo provider of llmctl {} {}, which has {} bytes."


@pytest.fixture
def speak(call):
    return lambda text="Hello there", **more: call(
        "POST", "/v1/audio/speech", {"model": "demo-tts", "voice": "alloy", "input": text, **more}
    )


@pytest.fixture
def hear(call):
    def send(*parts, task="transcriptions", file=("a.wav", b"x" * 48_000), **fields):
        body, kind = multipart(("model", "demo-whisper"), ("file", file), *parts, *fields.items())
        return call("POST", f"/v1/audio/{task}", body, Content_Type=kind)

    return send


def test_speech_is_a_short_wav(speak):
    got = speak()
    assert got.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(got.body)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 24_000)
        assert sound.getnframes() == 2 * 1920
        samples = sound.readframes(sound.getnframes())
    assert speak(response_format="wav").body == got.body
    raw = speak(response_format="pcm")
    assert (raw.headers["content-type"], raw.body) == ("audio/pcm", samples)
    assert len(speak("word " * 500).body) < 200_000


def test_what_is_said_and_how_fast_changes_the_sound(speak):
    one = speak("one", response_format="pcm").body
    assert one != speak("two", response_format="pcm").body
    assert len(speak("one", response_format="pcm", speed=2).body) == len(one) // 2
    assert speak("one", response_format="pcm", voice={"id": "voice_1"}, instructions="softly").body == one


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"response_format": "mp3"}, "response_format"),
        ({"response_format": 1}, "response_format"),
        ({"input": ""}, "input"),
        ({"input": None}, "input"),
        ({"input": "x" * 4097}, "input"),
        ({"input": ["x"]}, "input"),
        ({"voice": None}, "voice"),
        ({"voice": 1}, "voice"),
        ({"voice": {}}, "voice.id"),
        ({"speed": 0.2}, "speed"),
        ({"stream_format": "sse"}, "stream_format"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_speech_refused(speak, more, param):
    got = speak(**more)
    assert (got.status, got.json["error"]["param"]) == (400, param)


def test_a_format_that_needs_an_encoder_is_refused_with_those_that_do_not(speak):
    message = speak(response_format="opus").json["error"]["message"]
    assert "'wav'" in message
    assert "'pcm'" in message


@pytest.mark.parametrize(("task", "done"), [("transcriptions", "transcribed"), ("translations", "translated")])
def test_a_transcript_names_the_file_and_its_size(hear, task, done):
    text = SAID.format(done, "a.wav", 48_000)
    assert hear(task=task).json == {"text": text, "usage": {"type": "duration", "seconds": 1}}
    assert hear(task=task, response_format="json").json["text"] == text
    plain = hear(task=task, response_format="text")
    assert plain.headers["content-type"].startswith("text/plain")
    assert plain.body.decode() == f"{text}\n"


def test_subtitles(hear):
    text = SAID.format("transcribed", "a.wav", 48_000)
    assert hear(response_format="srt").body.decode() == f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n"
    assert hear(response_format="vtt").body.decode() == f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n"
    hour = hear(file=("long.wav", b"x" * (48_000 * 70 + 24_000)), response_format="vtt").body.decode()
    assert "--> 00:01:10.500\n" in hour


def test_verbose_transcript(hear):
    body = hear(response_format="verbose_json", language="de", temperature="0.5").json
    assert (body["task"], body["language"], body["duration"]) == ("transcribe", "de", 1.0)
    (segment,) = body["segments"]
    assert (segment["start"], segment["end"], segment["text"]) == (0.0, 1.0, body["text"])
    assert segment["temperature"] == 0.5
    assert "words" not in body
    words = hear(("timestamp_granularities[]", "word"), response_format="verbose_json").json["words"]
    assert [word["word"] for word in words] == body["text"].split()
    assert (words[0]["start"], words[-1]["end"]) == (0.0, 1.0)
    assert hear(task="translations", response_format="verbose_json").json["language"] == "english"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"file": "no file"}, "file"),
        ({"file": ("empty.wav", b"")}, "file"),
        ({"response_format": "diarized_json"}, "response_format"),
        ({"temperature": "2"}, "temperature"),
        ({"temperature": "NaN"}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"stream": "true"}, "stream"),
        ({"timestamp_granularities[]": "letter"}, "timestamp_granularities"),
        ({"prompt": ("p.txt", b"a file")}, "prompt"),
        ({"nonsense": "1"}, "nonsense"),
    ],
)
def test_transcripts_refused(hear, fields, param):
    got = hear(**fields)
    assert (got.status, got.json["error"]["param"]) == (400, param)


def test_a_translation_takes_no_language(hear):
    assert hear(task="translations", language="de").json["error"]["param"] == "language"


def test_what_must_be_there(call):
    for part, missing in [(("model", "demo-whisper"), "file"), (("file", ("a", b"x")), "model")]:
        body, kind = multipart(part)
        error = call("POST", "/v1/audio/transcriptions", body, Content_Type=kind).json["error"]
        assert (error["param"], error["code"]) == (missing, "missing_required_parameter")


def test_models_for_audio(speak, hear, call):
    assert speak(model="demo-whisper").json["error"]["code"] == "model_not_found"
    assert hear(model="demo-tts").status == 404
    assert speak(model="demo").status == hear(model="demo").status == 200
    assert speak(model="demo-429").status == hear(model="demo-429").status == 429
    assert re.match(rb"<html>", speak(model="demo-garbage").body)
    chat = {"model": "demo-tts", "messages": [{"role": "user", "content": "x"}]}
    assert call("POST", "/v1/chat/completions", chat).status == 404


def test_audio_is_posted(call):
    for path in ("speech", "transcriptions", "translations"):
        got = call("GET", f"/v1/audio/{path}")
        assert (got.status, got.headers["allow"]) == (405, "POST")
