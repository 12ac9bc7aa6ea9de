"""Where staff write what the assistant may say, and see what became of it.

Content is data: every byte of it is escaped. Who may do what is told in `knowledge.roles` and asked in
every view, action and save here.
"""

from knowledge.admin.builds import IndexBuildAdmin
from knowledge.admin.documents import DocumentAdmin
from knowledge.admin.faqs import FaqAdmin
from knowledge.admin.resemblances import ResemblanceAdmin

__all__ = ["DocumentAdmin", "FaqAdmin", "IndexBuildAdmin", "ResemblanceAdmin"]
