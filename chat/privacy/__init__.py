"""All that one visitor left: found, exported, erased; and what is older than a site keeps, forgotten."""

from chat.privacy.erasing import Erased, erase, prune
from chat.privacy.reach import Holding, holdings, visitors_of
from chat.privacy.takeout import write_takeout

__all__ = ["Erased", "Holding", "erase", "holdings", "prune", "visitors_of", "write_takeout"]
