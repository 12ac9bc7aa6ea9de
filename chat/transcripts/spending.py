"""The day's account with the language model: what an answer may cost is set aside before it is asked for.

So a burst cannot pass the limit: each reservation is one conditional UPDATE, which only the database
decides. What a killed process had set aside stays spent.
"""

import datetime
from dataclasses import dataclass

from django.db.models import F, Q
from django.db.models.functions import Greatest

from chat.models import Spending


@dataclass(frozen=True, slots=True)
class Cost:
    tokens: int
    micros: int


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one day; 0 is no limit."""

    tokens: int = 0
    micros: int = 0


def reserve(day: datetime.date, cost: Cost, budget: Budget) -> bool:
    """Set `cost` aside. False, and one more refusal on the account, when it does not fit any more."""
    fits = Q()
    if budget.tokens:
        fits &= Q(tokens__lte=budget.tokens - cost.tokens)
    if budget.micros:
        fits &= Q(micros__lte=budget.micros - cost.micros)
    today = Spending.objects.filter(day=day)
    more = {"tokens": F("tokens") + cost.tokens, "micros": F("micros") + cost.micros}
    if today.filter(fits).update(**more):
        return True
    Spending.objects.bulk_create([Spending(day=day)], ignore_conflicts=True)  # the first of its day
    if today.filter(fits).update(**more):
        return True
    today.update(refused=F("refused") + 1)
    return False


def settle(day: datetime.date, reserved: Cost, used: Cost) -> None:
    """Put back what was not needed, or add what was needed beyond."""
    Spending.objects.filter(day=day).update(
        tokens=Greatest(F("tokens") + (used.tokens - reserved.tokens), 0),
        micros=Greatest(F("micros") + (used.micros - reserved.micros), 0),
    )


def spent(day: datetime.date) -> Spending:
    """The day's account, empty when nothing was spent."""
    return Spending.objects.filter(day=day).first() or Spending(day=day)
