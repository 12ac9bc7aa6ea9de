"""The one error that outside services raise towards the rest of the product."""

from typing import Literal

ProviderCode = Literal[
    "timeout",  # no answer in time
    "unreachable",  # connection refused, reset or cut
    "rate_limited",  # try again after `retry_after` seconds
    "too_large",  # the request must shrink
    "rejected",  # a parameter or the content was refused
    "credentials",  # key missing, wrong, or not allowed
    "model_gone",  # the configured model does not exist any more
    "quota",  # budget or credits are used up
    "budget",  # the site's own limit for a day is reached
    "bad_answer",  # empty, cut short, or not what the protocol promises
    "unavailable",  # the service answered 5xx
]

# Codes that only an operator can mend; they are logged as errors, not as warnings.
ALARMS: frozenset[ProviderCode] = frozenset({"credentials", "model_gone", "quota", "rejected"})


class ProviderError(Exception):
    """A service failed. Carries no key and no text of a customer, so it may be logged and stored."""

    def __init__(
        self,
        name: str,
        code: ProviderCode,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(f"{name}: {code}" + (f" ({detail})" if detail else ""))
        self.name = name
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after
