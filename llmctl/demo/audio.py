"""POST /v1/audio/speech, /v1/audio/transcriptions and /v1/audio/translations."""

from __future__ import annotations

from functools import partial
from typing import Any

from llmctl.demo import faults, models, sound, tokens
from llmctl.demo.checks import Check, boolean, fields, number, one_of, string
from llmctl.demo.exchange import Asked, Reply, json_reply
from llmctl.demo.forms import Form, Upload, typed, upload
from llmctl.demo.problems import Problem, missing

_LONGEST = 4096
"""Letters that can be spoken at once."""


def _check_voice(param: str, value: Any) -> None:
    """A name, or {"id": …} for a voice of one's own."""
    if isinstance(value, dict):
        fields(value, {"id": string}, required=("id",), within=param)
    else:
        string(param, value)


def _check_spoken(param: str, value: Any) -> None:
    """A text that fits."""
    string(param, value)
    if len(value) > _LONGEST:
        message = f"Invalid '{param}': string too long. Expected a string of at most {_LONGEST} characters."
        raise Problem(message, param=param, code="string_above_max_length")


def _check_format(param: str, value: Any) -> None:
    """The formats that need no encoder."""
    string(param, value)
    if value not in ("wav", "pcm"):
        message = f"Unsupported value for '{param}': '{value}'. The demo provider speaks 'wav' and 'pcm' only."
        raise Problem(message, param=param, code="unsupported_value")


def _check_stream(param: str, value: Any) -> None:
    boolean(param, value)
    if value:
        message = f"Unsupported value for '{param}': the demo provider sends transcripts whole."
        raise Problem(message, param=param, code="unsupported_value")


def _each(check: Check) -> Check:
    """One value, or a list of them."""

    def check_all(param: str, value: Any) -> None:
        for item in value if isinstance(value, list) else [value]:
            check(param, item)

    return check_all


_SPEECH: dict[str, Check] = {
    "model": string,
    "input": _check_spoken,
    "voice": _check_voice,
    "instructions": string,
    "response_format": _check_format,
    "speed": number(0.25, 4),
    "stream_format": one_of("audio"),
}
_TRANSLATION: dict[str, Check] = {
    "file": upload,
    "model": string,
    "prompt": string,
    "response_format": one_of("json", "text", "srt", "verbose_json", "vtt"),
    "temperature": number(0, 1),
}
_TRANSCRIPTION: dict[str, Check] = {
    **_TRANSLATION,
    "chunking_strategy": string,
    "include": _each(string),
    "language": string,
    "stream": _check_stream,
    "timestamp_granularities": _each(one_of("segment", "word")),
}


def speech(body: dict[str, Any], asked: Asked) -> Reply:
    """A tone for each token of the text."""
    del asked
    fields(body, _SPEECH, required=("model", "input", "voice"))
    if not body["input"]:
        raise missing("input")
    models.require(body["model"], models.SPEECH, "speech")
    faults.refuse(body["model"])
    samples = sound.pcm(body["input"], body.get("speed") or 1.0)
    if body.get("response_format") == "pcm":
        return faults.spoil(body["model"], Reply(samples, kind="audio/pcm"))
    return faults.spoil(body["model"], Reply(sound.wav(samples), kind="audio/wav"))


def transcriptions(form: Form, asked: Asked) -> Reply:
    """Words about the file: its name and its size."""
    del asked
    form = typed(form, "temperature", "stream")
    fields(form, _TRANSCRIPTION, required=("file", "model"))
    return _written(form, "transcribe", form.get("language") or "english")


def translations(form: Form, asked: Asked) -> Reply:
    """The same in English, which it is anyway."""
    del asked
    form = typed(form, "temperature")
    fields(form, _TRANSLATION, required=("file", "model"))
    return _written(form, "translate", "english")


def _written(form: Form, task: str, language: str) -> Reply:
    model = form["model"]
    models.require(model, models.TRANSCRIPTION, "transcripts")
    faults.refuse(model)
    text, seconds = _text(form["file"], task), sound.seconds(len(form["file"].data))
    write = {
        "text": partial(_plain, text),
        "srt": partial(_subtitles, text, seconds, ","),
        "vtt": partial(_subtitles, text, seconds, "."),
        "verbose_json": partial(_verbose, form, text, seconds, {"task": task, "language": language}),
    }.get(form.get("response_format") or "json", partial(_short, text, seconds))
    return faults.spoil(model, write())


def _text(file: Upload, task: str) -> str:
    done = "transcribed" if task == "transcribe" else "translated"
    return f"The demo provider of llmctl {done} {file.name or 'a file'}, which has {len(file.data)} bytes."


def _plain(text: str) -> Reply:
    return Reply(f"{text}\n".encode("utf-8", "replace"), kind="text/plain; charset=utf-8")


def _subtitles(text: str, seconds: float, point: str) -> Reply:
    """One subtitle: WebVTT has a header and a point in its times, SubRip a number and a comma."""
    kind = "text/vtt" if point == "." else "application/x-subrip"
    head = "WEBVTT\n\n" if point == "." else "1\n"
    shown = f"{head}{_clock(0, point)} --> {_clock(seconds, point)}\n{text}\n\n"
    return Reply(shown.encode("utf-8", "replace"), kind=f"{kind}; charset=utf-8")


def _clock(seconds: float, point: str) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{thousandths:03}"


def _short(text: str, seconds: float) -> Reply:
    return json_reply({"text": text, "usage": _usage(seconds)})


def _verbose(form: Form, text: str, seconds: float, about: dict[str, str]) -> Reply:
    pieces = tokens.split(text)
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": seconds,
        "text": text,
        "tokens": list(range(len(pieces))),
        "temperature": float(form.get("temperature") or 0),
        "avg_logprob": round(sum(map(tokens.logprob, pieces)) / len(pieces), 4),
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }
    told = {**about, "duration": seconds, "text": text, "segments": [segment], "usage": _usage(seconds)}
    if "word" in (form.get("timestamp_granularities") or ()):
        told["words"] = _words(text, seconds)
    return json_reply(told)


def _words(text: str, seconds: float) -> list[dict[str, Any]]:
    words = text.split()
    each = seconds / len(words)
    return [
        {"word": word, "start": round(number * each, 3), "end": round((number + 1) * each, 3)}
        for number, word in enumerate(words)
    ]


def _usage(seconds: float) -> dict[str, Any]:
    """Paid by the second, and never less than one."""
    return {"type": "duration", "seconds": max(1, round(seconds))}
