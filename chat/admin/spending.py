"""What the language model cost, day by day."""

from django.contrib import admin

from chat.models import Spending
from joblynk.admin import RecordAdmin


@admin.register(Spending)
class SpendingAdmin(RecordAdmin[Spending]):
    list_display = ("day", "tokens", "cost", "refused")
    fields = ("day", "tokens", "cost", "refused")

    @admin.display(description="cost", ordering="micros")
    def cost(self, row: Spending) -> str:
        return f"${row.dollars:,.2f}"
