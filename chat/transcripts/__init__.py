"""Every query and write on conversations.

Each writing function takes a batch and is one transaction: `writer.Writer` gathers what many sockets
want written at the same moment, because a commit costs more than the rows in it. Rows are locked in the
order of their ids, so two processes never wait for each other in a circle. What a function returns is
what may be announced, and only after it has returned.
"""

from chat.transcripts.answering import (
    Outcome,
    Pending,
    abandoned_answers,
    answer_to,
    answers_before,
    finish_answers,
    pending_answer,
    renew_leases,
)
from chat.transcripts.asking import Accepted, NewQuestion, NewRetry, add_questions, retry_answers
from chat.transcripts.changes import request_person, set_csat, set_feedback, withdraw_request
from chat.transcripts.deliveries import TranscriptRequest, request_transcript
from chat.transcripts.gauges import outbox_depth
from chat.transcripts.log import Refused
from chat.transcripts.notes import add_note
from chat.transcripts.opening import View, open_conversation, start_anew
from chat.transcripts.people import (
    Done,
    Person,
    Replied,
    assign,
    give_back,
    refusal_words,
    reply,
    resolve,
    seen,
    take_over,
    waiting,
)
from chat.transcripts.pictures import (
    UNSENT_LIFE,
    add_picture,
    any_picture,
    picture_of,
    remove_files,
    remove_stale,
    remove_unsent,
    without_picture,
)
from chat.transcripts.reading import LONG_BACKLOG, Gone, events_after, last_seqs, past, snapshot
from chat.transcripts.sights import (
    Corrected,
    Reading,
    claim_pictures,
    correct_picture,
    pictures_in_order,
    store_readings,
)
from chat.transcripts.spending import Budget, Cost, reserve, settle, spent
from chat.transcripts.videos import Noted, VideoNote, note_video

__all__ = [
    "LONG_BACKLOG",
    "UNSENT_LIFE",
    "Accepted",
    "Budget",
    "Corrected",
    "Cost",
    "Done",
    "Gone",
    "NewQuestion",
    "NewRetry",
    "Noted",
    "Outcome",
    "Pending",
    "Person",
    "Reading",
    "Refused",
    "Replied",
    "TranscriptRequest",
    "VideoNote",
    "View",
    "abandoned_answers",
    "add_note",
    "add_picture",
    "add_questions",
    "answer_to",
    "answers_before",
    "any_picture",
    "assign",
    "claim_pictures",
    "correct_picture",
    "events_after",
    "finish_answers",
    "give_back",
    "last_seqs",
    "note_video",
    "open_conversation",
    "outbox_depth",
    "past",
    "pending_answer",
    "picture_of",
    "pictures_in_order",
    "refusal_words",
    "remove_files",
    "remove_stale",
    "remove_unsent",
    "renew_leases",
    "reply",
    "request_person",
    "request_transcript",
    "reserve",
    "resolve",
    "retry_answers",
    "seen",
    "set_csat",
    "set_feedback",
    "settle",
    "snapshot",
    "spent",
    "start_anew",
    "store_readings",
    "take_over",
    "waiting",
    "withdraw_request",
    "without_picture",
]
