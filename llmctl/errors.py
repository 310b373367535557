"""Every error that llmctl raises on purpose.

    LlmctlError                exit   code
    ├── UsageError                2   usage
    │   └── WrongMethod               wrong_method         (a path of the gateway that takes others)
    ├── ConfigError               3   config
    │   ├── NoProfile                 no_profile
    │   ├── UnknownProfile            unknown_profile
    │   ├── DamagedConfig             config_damaged
    │   └── StoreFailed               store                (history that can't be read or kept)
    ├── KeyProblem                4   key
    │   ├── KeyMissing                key_missing
    │   ├── KeyRejected               key_rejected         401
    │   └── Forbidden                 forbidden            403
    ├── RequestRefused            5   request_refused      400, 422 and other 4xx
    │   ├── NotFound                  not_found            404
    │   ├── TooLarge                  too_large            413
    │   └── ContextTooLong            context_too_long     400
    ├── LimitReached              6   limit
    │   ├── RateLimited               rate_limited         429
    │   ├── QuotaExhausted            quota_exhausted      402, 429
    │   └── BudgetSpent               budget               (the user's own limit)
    ├── ProviderFault             7   server_error         5xx
    │   ├── Overloaded                overloaded           503, 529
    │   └── NotUnderstood             not_understood       (an answer that is no answer)
    │       └── AnswerInvalid         answer_invalid       (not the JSON that was asked for)
    ├── NetworkError              8   network
    │   ├── DnsFailed                 dns
    │   ├── ConnectFailed             connect
    │   ├── TlsFailed                 tls
    │   ├── ProxyFailed               proxy
    │   └── OutOfFiles                out_of_files         (this process may open no more)
    ├── TimedOut                  9   timeout
    │   ├── ConnectTimeout            timeout_connect
    │   ├── FirstTokenTimeout         timeout_first_token
    │   ├── IdleTimeout               timeout_idle
    │   └── TotalTimeout              timeout_total
    ├── StreamBroken             10   stream_broken
    ├── Truncated                11   truncated            (only with --strict)
    ├── Filtered                 12   filtered             (only with --strict)
    ├── ToolProblem              13   tool
    │   ├── ToolServerFailed          tool_server          (an MCP server that does not serve)
    │   └── ToolLimit                 tool_limit           (tools called again and again)
    └── Interrupted             130   interrupted
        └── ClientLeft                client_left          (who asked the gateway has gone)

Raised where the fact is known, rendered in three places only: the command line, the gateway's
envelope, the chat UI. The class is chosen by status and structured code, never by message text.
"""

from __future__ import annotations

from typing import Any, ClassVar


class LlmctlError(Exception):
    """Base class. `message` says what happened, `hint` what to do next.

    The remaining fields are filled in by whoever knows them: `status` is the provider's HTTP
    status, `retry_after` is in seconds, `partial` is the text that had arrived.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id
        self.provider: str | None = None
        self.profile: str | None = None
        self.partial: str | None = None
        self.attempts: int = 0
        self.should_retry: bool | None = None  # the provider's own word (x-should-retry)
        self.left_to_client = False  # the gateway didn't wait as long as the provider said; the client may
        self.codes: tuple[str, ...] = ()  # the provider's structured codes, lower case
        self.reply: tuple[dict[str, str], bytes] | None = None  # headers and body of the provider's refusal

    def as_dict(self) -> dict[str, Any]:
        """The `error` object of `--json`: keys are stable, additions only."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "status": self.status,
            "provider": self.provider,
            "profile": self.profile,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
            "partial": self.partial,
        }


class UsageError(LlmctlError):
    code, exit_code, http_status = "usage", 2, 400


class WrongMethod(UsageError):
    code, http_status = "wrong_method", 405

    def __init__(self, method: str, path: str, allowed: str) -> None:
        super().__init__(f"{method} is not for {path}", hint=f"{allowed} is")
        self.allowed = allowed


class ConfigError(LlmctlError):
    code, exit_code, http_status = "config", 3, 500


class NoProfile(ConfigError):
    code = "no_profile"


class UnknownProfile(ConfigError):
    code, http_status = "unknown_profile", 404


class DamagedConfig(ConfigError):
    code = "config_damaged"


class StoreFailed(ConfigError):
    code = "store"


class KeyProblem(LlmctlError):
    code, exit_code, http_status = "key", 4, 401


class KeyMissing(KeyProblem):
    code = "key_missing"


class KeyRejected(KeyProblem):
    code = "key_rejected"


class Forbidden(KeyProblem):
    code, http_status = "forbidden", 403


class RequestRefused(LlmctlError):
    code, exit_code, http_status = "request_refused", 5, 400


class NotFound(RequestRefused):
    code, http_status = "not_found", 404


class TooLarge(RequestRefused):
    code, http_status = "too_large", 413


class ContextTooLong(RequestRefused):
    code = "context_too_long"


class LimitReached(LlmctlError):
    code, exit_code, http_status = "limit", 6, 429


class RateLimited(LimitReached):
    code, retryable = "rate_limited", True


class QuotaExhausted(LimitReached):
    code, http_status = "quota_exhausted", 402


class BudgetSpent(LimitReached):
    code, http_status = "budget", 402


class ProviderFault(LlmctlError):
    code, exit_code, http_status, retryable = "server_error", 7, 502, True


class Overloaded(ProviderFault):
    code, http_status = "overloaded", 503


class NotUnderstood(ProviderFault):
    code, retryable = "not_understood", False


class AnswerInvalid(NotUnderstood):
    code = "answer_invalid"


class NetworkError(LlmctlError):
    code, exit_code, http_status, retryable = "network", 8, 502, True


class DnsFailed(NetworkError):
    code = "dns"


class ConnectFailed(NetworkError):
    code = "connect"


class TlsFailed(NetworkError):
    code, retryable = "tls", False


class ProxyFailed(NetworkError):
    code, retryable = "proxy", False


class OutOfFiles(NetworkError):
    code, http_status = "out_of_files", 503


class TimedOut(LlmctlError):
    code, exit_code, http_status = "timeout", 9, 504


class ConnectTimeout(TimedOut):
    code, retryable = "timeout_connect", True


class FirstTokenTimeout(TimedOut):
    code = "timeout_first_token"


class IdleTimeout(TimedOut):
    code = "timeout_idle"


class TotalTimeout(TimedOut):
    code = "timeout_total"


class StreamBroken(LlmctlError):
    code, exit_code, http_status, retryable = "stream_broken", 10, 502, True


class Truncated(LlmctlError):
    code, exit_code = "truncated", 11


class Filtered(LlmctlError):
    code, exit_code = "filtered", 12


class ToolProblem(LlmctlError):
    code, exit_code, http_status = "tool", 13, 502


class ToolServerFailed(ToolProblem):
    code = "tool_server"


class ToolLimit(ToolProblem):
    code = "tool_limit"


class Interrupted(LlmctlError):
    code, exit_code, http_status = "interrupted", 130, 503


class ClientLeft(Interrupted):
    code, http_status = "client_left", 499
