"""All that one visitor left: found, exported, erased; and what is older than a site keeps, forgotten."""

from chat.transcripts.privacy.erasing import Erased, erase, prune
from chat.transcripts.privacy.reach import Holding, holdings, visitors_of
from chat.transcripts.privacy.takeout import write_takeout

__all__ = ["Erased", "Holding", "erase", "holdings", "prune", "visitors_of", "write_takeout"]
