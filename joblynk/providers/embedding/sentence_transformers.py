"""Any model that sentence-transformers can load. Importing it takes about 5 s and 490 MB, so that
happens at the first use."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from joblynk.providers.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedTokenizerBase


class SentenceTransformerEmbedder:
    """`model` is a name on the hub or a folder."""

    def __init__(self, model: Path | str) -> None:
        self._path = str(model)
        self.name = Path(self._path).name if Path(self._path).is_dir() else self._path

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 (len(texts), dimension), rows of length 1."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False, truncation=False, verbose=False))

    @cached_property
    def dimension(self) -> int:
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ValueError(f"{self._path} does not say how long its vectors are")
        return int(dimension)

    @cached_property
    def max_tokens(self) -> int:
        special: int = self._tokenizer.num_special_tokens_to_add(pair=False)
        return int(self._model.max_seq_length or 512) - special

    @property
    def _tokenizer(self) -> "PreTrainedTokenizerBase":
        return cast("PreTrainedTokenizerBase", self._model.tokenizer)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(self._path, device="cpu")
