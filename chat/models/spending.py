"""What the language model cost, a row a day. It holds nothing of any customer."""

from decimal import Decimal

from django.db import models


class Spending(models.Model):
    day = models.DateField(primary_key=True, help_text="In the site's time zone.")
    tokens = models.PositiveBigIntegerField(default=0)
    micros = models.PositiveBigIntegerField("millionths of a dollar", default=0)
    refused = models.PositiveIntegerField(
        "answers over budget", default=0, help_text="Quoted from the guides, because the budget was used up."
    )

    class Meta:
        ordering = ("-day",)
        verbose_name = "day's spending"
        verbose_name_plural = "spending"

    def __str__(self) -> str:
        return f"{self.day}: {self.tokens:,} tokens"

    @property
    def dollars(self) -> Decimal:
        return Decimal(self.micros) / 1_000_000
