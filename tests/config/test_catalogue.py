"""The catalogue is pinned here: a change in the data has to be confirmed in this file."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import llmctl.config.catalogue as module
from llmctl.config.catalogue import Provider, find_provider, load_catalogue
from llmctl.core.quirks import merge_quirks
from llmctl.errors import ConfigError

# provider | auth, or dead | port | first key variable | quirks | model | embedding model
MATRIX = """
openai        | bearer  | -     | OPENAI_API_KEY           | mend rename | gpt-6-luna | text-embedding-3-small
azure         | api-key | -     | AZURE_OPENAI_API_KEY     | rename | - | -
azure-classic | api-key | -     | AZURE_OPENAI_API_KEY     | model_list | {deployment} | -
anthropic     | bearer  | -     | ANTHROPIC_API_KEY        | media structured | claude-sonnet-5-5 | -
gemini        | bearer  | -     | GEMINI_API_KEY           | drop embedding_batch roles | gemini-3.8-flash | gemini-embedding-001
vertex        | bearer  | -     | -                        | roles | - | -
bedrock       | bearer  | -     | AWS_BEARER_TOKEN_BEDROCK | reasoning_tags roles | openai.gpt-oss-120b-1:0 | -
mistral       | bearer  | -     | MISTRAL_API_KEY          | embedding_batch rename roles tool_choice | mistral-medium-latest | mistral-embed
cohere        | bearer  | -     | COHERE_API_KEY           | drop embedding_batch rename structured | command-a-03-2025 | embed-v4.0
xai           | bearer  | -     | XAI_API_KEY              | cost cost_units_per_usd media reasoning_apart roles | grok-4.7 | -
deepseek      | bearer  | -     | DEEPSEEK_API_KEY         | rename replay_reasoning roles structured | deepseek-flash | -
moonshot      | bearer  | -     | MOONSHOT_API_KEY         | rename replay_reasoning roles | kimi-k3 | -
zai           | bearer  | -     | ZAI_API_KEY              | roles | glm-5.3 | -
dashscope     | bearer  | -     | DASHSCOPE_API_KEY        | embedding_batch merge_system roles structured | qwen3.8-flash | text-embedding-v4
minimax       | bearer  | -     | MINIMAX_API_KEY          | model_list roles structured | MiniMax-M3 | -
groq          | bearer  | -     | GROQ_API_KEY             | drop media roles | openai/gpt-oss-120b | -
together      | bearer  | -     | TOGETHER_API_KEY         | rename roles | deepseek-ai/DeepSeek-V4.1-Flash | BAAI/bge-base-en-v1.5
fireworks     | bearer  | -     | FIREWORKS_API_KEY        | roles | accounts/fireworks/models/glm-5p3 | accounts/fireworks/models/qwen3-embedding-8b
deepinfra     | bearer  | -     | DEEPINFRA_API_KEY        | embedding_batch rename roles | deepseek-ai/DeepSeek-V4.1-Flash | -
cerebras      | bearer  | -     | CEREBRAS_API_KEY         | media replay_reasoning roles | gpt-oss-120b | -
openrouter    | bearer  | -     | OPENROUTER_API_KEY       | cost rename usage | - | -
perplexity    | bearer  | -     | PERPLEXITY_API_KEY       | drop model_list roles | sonar | -
huggingface   | bearer  | -     | HF_TOKEN                 | roles | openai/gpt-oss-120b | -
nvidia        | bearer  | -     | NVIDIA_API_KEY           | embedding_body roles | openai/gpt-oss-120b | -
cloudflare    | bearer  | -     | CLOUDFLARE_API_KEY       | embedding_batch roles | @cf/openai/gpt-oss-120b | @cf/baai/bge-m3
sambanova     | bearer  | -     | SAMBANOVA_API_KEY        | embedding_base64 rename roles text_content | gpt-oss-120b | -
siliconflow   | bearer  | -     | SILICONFLOW_API_KEY      | embedding_batch roles | zai-org/GLM-5.2 | -
novita        | bearer  | -     | NOVITA_API_KEY           | roles | moonshotai/kimi-k2.6 | baai/bge-m3
hyperbolic    | bearer  | -     | HYPERBOLIC_API_KEY       | roles | - | -
nebius        | bearer  | -     | NEBIUS_API_KEY           | roles | openai/gpt-oss-120b | Qwen/Qwen3-Embedding-8B
flo2          | bearer  | -     | -                        | roles | - | -
futurmix      | bearer  | -     | FUTURMIX_API_KEY         | rename roles | - | -
claude4u      | bearer  | -     | -                        | roles | - | -
ollama        | none    | 11434 | OLLAMA_API_KEY           | media rename roles | - | -
lmstudio      | none    | 1234  | LM_API_TOKEN             | media rename roles | - | -
vllm          | none    | 8000  | VLLM_API_KEY             | media merge_system roles | - | -
sglang        | none    | 30000 | -                        | roles | - | -
tgi           | none    | 8080  | -                        | rename roles | tgi | -
llamacpp      | none    | 8080  | LLAMACPP_API_KEY         | media roles | - | -
llamafile     | none    | 8080  | LLAMAFILE_API_KEY        | roles | - | -
localai       | none    | 8080  | LOCALAI_API_KEY          | roles | - | -
jan           | bearer  | 1337  | -                        | roles | - | -
litellm       | bearer  | 4000  | LITELLM_PROXY_API_KEY    | merge_system roles | - | -
generic       | none    | -     | -                        | roles | - | -
replicate     | dead    | -     | -                        | - | - | -
anyscale      | dead    | -     | -                        | - | - | -
github        | dead    | -     | -                        | - | - | -
"""  # noqa: E501

# provider prefix: quirks
MODEL_QUIRKS = """
openai gpt-6-astra: drop
openai gpt-6.1-sol: drop
openai o1: drop
openai o3: drop
openai o4: drop
azure mistral: rename usage
anthropic claude-sonnet-5: drop
anthropic claude-haiku-5: drop
anthropic claude-opus-5: drop
anthropic claude-fable-5: drop
anthropic claude-mythos-5: drop
moonshot kimi-k2.5: drop
moonshot kimi-k2.6: drop
moonshot kimi-k2.7: drop
moonshot kimi-k3: drop
deepinfra google/gemini: reasoning_apart
deepinfra google/gemma: reasoning_apart
"""

FEATURES = {
    *("models", "stream", "tools", "parallel_tools", "tool_choice", "json_object", "json_schema", "vision"),
    *("embeddings", "images", "completions", "responses", "messages", "n", "logprobs", "seed"),
}

PATH = Path(module.__file__).parent.parent / "data" / "providers.toml"
TEXT = PATH.read_text(encoding="utf-8")
RAW: dict[str, dict[str, Any]] = tomllib.loads(TEXT)
CATALOGUE = load_catalogue()
LIVE = {name: provider for name, provider in CATALOGUE.items() if not provider.dead}

each = pytest.mark.parametrize("provider", CATALOGUE.values(), ids=CATALOGUE)
each_live = pytest.mark.parametrize("provider", LIVE.values(), ids=LIVE)


def templates(provider: Provider) -> list[str]:
    """Every base URL in the entry, placeholders unfilled."""
    by = [url for key, url in provider.base_url_by.items() if key != "part"]
    return [url for url in (provider.base_url, *by, *provider.alternatives) if url]


def some_parts(provider: Provider) -> dict[str, str]:
    return {name: f"my-{name.replace('_', '-')}" for name in provider.placeholders()}


# ---- The matrix --------------------------------------------------------------------------------


def pinned() -> dict[str, list[str]]:
    rows = ([cell.strip() for cell in line.split(" | ")] for line in MATRIX.strip().splitlines())
    return {row[0]: row[1:] for row in rows}


def test_the_matrix_names_exactly_the_providers() -> None:
    assert list(pinned()) == list(CATALOGUE)


@each
def test_matrix(provider: Provider) -> None:
    row = [
        "dead" if provider.dead else provider.auth,
        str(provider.port or "-"),
        provider.key_env[0] if provider.key_env else "-",
        " ".join(sorted(provider.quirks)) or "-",
        provider.model or "-",
        provider.embedding_model or "-",
    ]
    assert row == pinned()[provider.id]


def test_model_quirks_are_pinned() -> None:
    found = [
        f"{provider.id} {prefix}: {' '.join(sorted(quirks))}"
        for provider in CATALOGUE.values()
        for prefix, quirks in provider.model_quirks
    ]
    assert found == MODEL_QUIRKS.strip().splitlines()


@pytest.mark.parametrize(
    ("provider", "model", "key", "expected"),
    [
        ("openai", "gpt-6-luna", "rename", {"max_tokens": "max_completion_tokens"}),
        ("openai", "gpt-6-luna", "drop", ()),
        ("openai", "gpt-6-astra", "drop", ("temperature", "top_p", "logprobs", "top_logprobs")),
        (
            "azure",
            "Mistral-Large-3",
            "rename",
            {"max_tokens": "max_tokens", "max_completion_tokens": "max_tokens"},
        ),
        ("azure", "Mistral-Large-3", "usage", "always"),
        ("groq", "openai/gpt-oss-120b", "drop", ("logprobs", "top_logprobs", "logit_bias")),
        ("mistral", "mistral-medium-latest", "tool_choice", {"required": "any", "function": "any"}),
        ("mistral", "x", "rename", {"max_completion_tokens": "max_tokens", "seed": "random_seed"}),
        ("gemini", "gemini-3.8-flash", "drop", ("seed",)),
        ("gemini", "gemini-3.8-flash", "embedding_batch", 100),
        ("openrouter", "x", "usage", "always"),
        ("openrouter", "x", "roles", {}),
        ("cerebras", "gpt-oss-120b", "usage", "ask"),
        ("xai", "grok-4.7", "cost_units_per_usd", 1e10),
        ("xai", "grok-4.7", "reasoning_apart", True),
        ("deepinfra", "google/gemini-3.8-flash", "reasoning_apart", True),
        ("deepinfra", "zai-org/GLM-5.3", "reasoning_apart", False),
        ("deepseek", "deepseek-flash", "structured", "json_object"),
        ("deepseek", "deepseek-flash", "replay_reasoning", "reasoning_content"),
        ("moonshot", "kimi-k3", "drop", ("temperature",)),
        ("moonshot", "moonshot-v1-8k", "drop", ()),
        ("minimax", "MiniMax-M3", "structured", "none"),
        ("minimax", "MiniMax-M3", "model_list", False),
        ("bedrock", "openai.gpt-oss-120b-1:0", "reasoning_tags", ("reasoning",)),
        ("sambanova", "gpt-oss-120b", "embedding_base64", False),
        ("nvidia", "x", "embedding_body", {"input_type": "query"}),
        ("vllm", "x", "merge_system", True),
        ("generic", "x", "roles", {"developer": "system"}),
    ],
)
def test_resolved_quirks(provider: str, model: str, key: str, expected: object) -> None:
    assert getattr(merge_quirks(CATALOGUE[provider].quirk_layers(model)), key) == expected


# ---- The file keeps its own rules --------------------------------------------------------------


def documented(indent: int) -> set[str]:
    """The keys that the comment at the head explains, by how far they are indented."""
    head = TEXT[: TEXT.index("\n[")]
    return set(re.findall(rf"^#{' ' * indent}([a-z_]+) {{2,}}\S", head, re.MULTILINE))


def test_every_key_is_documented_and_known() -> None:
    used = {key for table in RAW.values() for key in table}
    fields = set(Provider.__dataclass_fields__) - {"id"}
    assert documented(3) == used == fields


def test_every_feature_is_documented_and_known() -> None:
    used = {key for table in RAW.values() for key in table.get("features", {})}
    assert documented(5) == used == FEATURES


@each_live
def test_features_are_booleans(provider: Provider) -> None:
    assert all(isinstance(value, bool) for value in provider.features.values())


@each
def test_all_quirks_merge(provider: Provider) -> None:
    merge_quirks([provider.quirks], where=provider.id)
    for prefix, quirks in provider.model_quirks:
        layers = provider.quirk_layers(f"{prefix}-something")
        assert quirks in layers
        merge_quirks(layers, where=f"{provider.id} {prefix}")


@each
def test_model_quirks_repeat_the_lists_they_replace(provider: Provider) -> None:
    for prefix, quirks in provider.model_quirks:
        assert set(provider.quirks.get("drop", ())) <= set(quirks.get("drop", provider.quirks.get("drop", ()))), (
            prefix
        )


@each
def test_a_longer_prefix_comes_after_the_shorter_one(provider: Provider) -> None:
    prefixes = [prefix for prefix, _ in provider.model_quirks]
    assert len(set(prefixes)) == len(prefixes)
    for at, prefix in enumerate(prefixes):
        assert not any(earlier.startswith(prefix) for earlier in prefixes[:at])


@each_live
def test_quirks_and_features_agree(provider: Provider) -> None:
    quirks = merge_quirks([provider.quirks])
    features = provider.features
    assert features.get("models", quirks.model_list) is quirks.model_list
    if quirks.structured != "json_schema":
        assert not features.get("json_schema")
    if quirks.structured == "none":
        assert not features.get("json_object")
    for parameter in ("seed", "logprobs", "n"):
        if parameter in quirks.drop:
            assert features.get(parameter) is False
    if provider.embedding_model:
        assert features.get("embeddings") is True


@each_live
def test_live_entries_are_whole(provider: Provider) -> None:
    assert provider.title
    assert "auth" in RAW[provider.id]
    assert provider.auth in ("bearer", "api-key", "none")
    assert provider.base_url or provider.id == "generic"
    assert provider.docs or provider.id == "generic"
    assert provider.model not in provider.models


@each
def test_local_servers_have_the_port_of_their_url(provider: Provider) -> None:
    assert provider.local == (provider.port is not None)
    if provider.local:
        assert provider.base_url == f"http://127.0.0.1:{provider.port}/v1"
    assert "localhost" not in str(RAW[provider.id])


@each_live
def test_urls(provider: Provider) -> None:
    for url in templates(provider):
        assert not url.partition("?")[0].endswith("/")
        assert "chat/completions" not in url
        assert url.startswith("http://127.0.0.1:" if provider.local and "127" in url else "https://")
        assert len(url) == len(url.encode("ascii"))
    assert not provider.docs or provider.docs.startswith("https://")
    assert len({provider.base_url, *provider.alternatives}) == 1 + len(provider.alternatives)


@each_live
def test_placeholders_and_parts_agree(provider: Provider) -> None:
    names = provider.placeholders()
    assert set(names) == set(provider.parts)
    assert set(provider.part_defaults) <= set(names)
    for url in templates(provider):
        assert set(re.findall(r"{(.*?)}", url)) <= set(names)
    if provider.base_url_by:
        assert provider.base_url_by["part"] in names


@each_live
def test_variables_look_like_variables(provider: Provider) -> None:
    of_parts = [name for names in provider.parts.values() for name in names]
    groups = (provider.key_env, provider.base_env, tuple(of_parts))
    every = [name for group in groups for name in group]
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in every)
    assert len(every) == len(set(every)), "no variable means two things"
    assert all("KEY" in name or "TOKEN" in name for name in provider.key_env)
    assert all(re.search(r"_(BASE_URL|API_BASE|HOST)$", name) for name in provider.base_env)


@each_live
def test_sentences(provider: Provider) -> None:
    for sentence in (*provider.notes, *filter(None, [provider.warning])):
        assert re.match(r"[A-Za-z/]", sentence)
        assert sentence.endswith(".")
        assert "\n" not in sentence


def test_dead_entries_say_why_and_hold_nothing_else() -> None:
    dead = {name: table for name, table in RAW.items() if "dead" in table}
    assert list(dead) == ["replicate", "anyscale", "github"]
    for name, table in dead.items():
        assert list(table) == ["dead"]
        assert table["dead"].endswith(".")
        assert CATALOGUE[name].title == name
        known = re.findall(r"\b(generic|together|deepinfra|fireworks|openrouter)\b", table["dead"])
        assert known, "says what to use instead"


def test_warned_about() -> None:
    warned = {name for name, provider in CATALOGUE.items() if provider.warning}
    assert warned == {"vertex", "hyperbolic", "flo2", "futurmix", "claude4u", "tgi", "perplexity"}


def test_only_vertex_needs_a_key_command() -> None:
    commands = {name: provider.key_command for name, provider in CATALOGUE.items() if provider.key_command}
    assert commands == {"vertex": "gcloud auth print-access-token"}


# ---- Finding a provider ------------------------------------------------------------------------


def test_find() -> None:
    assert find_provider("groq") is find_provider("Groq") is CATALOGUE["groq"]
    assert CATALOGUE["groq"].id == "groq"


@pytest.mark.parametrize(
    ("typo", "meant"), [("gorq", "groq"), ("open-ai", "openai"), ("deepsek", "deepseek"), ("AZUR", "azure")]
)
def test_typo(typo: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(repr(typo))) as caught:
        find_provider(typo)
    assert caught.value.hint is not None
    assert meant in caught.value.hint


def test_unlike_anything() -> None:
    with pytest.raises(ConfigError) as caught:
        find_provider("qqqqqqqq")
    assert caught.value.hint is not None
    assert "generic" in caught.value.hint


# ---- Filling base URLs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "provider", [provider for provider in LIVE.values() if provider.base_url], ids=lambda it: it.id
)
def test_every_base_url_can_be_filled(provider: Provider) -> None:
    url = provider.fill(some_parts(provider))
    assert "{" not in url
    assert all(value in url for value in some_parts(provider).values())


def test_nothing_to_fill() -> None:
    assert find_provider("openai").fill({}) == "https://api.openai.com/v1"
    assert find_provider("openai").fill({"region": "ignored"}) == "https://api.openai.com/v1"


def test_query_survives() -> None:
    assert find_provider("azure-classic").placeholders() == ["resource", "deployment"]
    assert find_provider("azure-classic").fill({"resource": "me", "deployment": "gpt.4_o-1"}) == (
        "https://me.openai.azure.com/openai/deployments/gpt.4_o-1?api-version=2024-10-21"
    )


def test_default_part() -> None:
    bedrock = find_provider("bedrock")
    assert bedrock.fill({}) == "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"
    assert bedrock.fill({"region": ""}) == bedrock.fill({})
    assert bedrock.fill({"region": "eu-west-3"}) == "https://bedrock-runtime.eu-west-3.amazonaws.com/openai/v1"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (None, "aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("part", "part-aiplatform.googleapis.com"),
    ],
)
def test_vertex_host_follows_the_location(location: str | None, host: str) -> None:
    parts = {"project": "acme-1"} | ({"location": location} if location else {})
    assert find_provider("vertex").fill(parts) == (
        f"https://{host}/v1/projects/acme-1/locations/{location or 'global'}/endpoints/openapi"
    )


def test_missing_part_names_its_variables() -> None:
    with pytest.raises(ConfigError, match="account_id") as caught:
        find_provider("cloudflare").fill({})
    assert caught.value.hint == "give account_id, or set CLOUDFLARE_ACCOUNT_ID"


@pytest.mark.parametrize(
    "value",
    [
        "a/b",
        "a?b",
        "a#b",
        "a b",
        "a\n",
        "\ta",
        "a\\b",
        "me@evil.test",
        "a%2fb",
        "{location}",
        "https://x.test",
        "a\x00",
    ],
)
def test_parts_stay_in_their_place(value: str) -> None:
    with pytest.raises(ConfigError, match="resource") as caught:
        find_provider("azure").fill({"resource": value})
    assert caught.value.hint is not None


def test_no_base_url_to_fill() -> None:
    with pytest.raises(ConfigError, match="base_url"):
        find_provider("generic").fill({})


# ---- Layers of quirks --------------------------------------------------------------------------

LAYERED = Provider(
    id="x",
    title="X",
    quirks={"drop": ["seed"]},
    model_quirks=(
        ("gpt-6", {"usage": "never"}),
        ("GPT-6-astra", {"usage": "always"}),
        ("org/one", {"usage": "ask"}),
    ),
)


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("gpt-5", []),
        ("gpt-6", ["never"]),
        ("GPT-6-Luna", ["never"]),
        ("gpt-6-astra-2026", ["never", "always"]),
        ("openai/gpt-6-luna", ["never"]),
        ("accounts/x/models/gpt-6-luna", ["never"]),
        ("my-gpt-6", []),
        ("gpt-6/other", ["never"]),
        ("org/one-two", ["ask"]),
        ("one-two", []),
        ("", []),
    ],
)
def test_layers(model: str, usage: list[str]) -> None:
    first, *rest = LAYERED.quirk_layers(model)
    assert first == {"drop": ["seed"]}
    assert [layer["usage"] for layer in rest] == usage


def test_prefix_is_no_quirk() -> None:
    assert all("prefix" not in quirks for provider in LIVE.values() for _, quirks in provider.model_quirks)


# ---- Loading -----------------------------------------------------------------------------------


def test_read_once() -> None:
    assert load_catalogue() is load_catalogue()


def test_importing_reads_and_loads_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import llmctl.config.catalogue; "  # coverage may be there already
        "print({'tomllib', 'difflib', 'httpx'} & (set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
