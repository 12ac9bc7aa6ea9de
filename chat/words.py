"""What a customer reads when something does not work, by the code that the wire knows."""

from chat.assistant.pipeline import NO_ANSWER_WORDS

WORDS = {
    "too_long": "That's over 4,000 characters.",
    "bad_attachment": "We couldn't read that picture.",
    "no_picture": "That picture isn't available here.",
    "no_visitor": "Your visit has ended. Reload the page and try again.",
    "too_many_pictures": "One message holds four pictures at most, each of them once.",
    "too_many_unsent": "You have many pictures waiting. Send or remove some first.",
    "conflict": "Something went wrong. Reload and try again.",
    "bad_request": "Something went wrong. Reload and try again.",
    "rate_limited": "One moment \N{EN DASH} you can send again in {n} s.",
    "model_timeout": "That took too long. Try again?",
    "model_unavailable": "The assistant is unavailable. Try again, or ask for a person.",
    "no_answer": NO_ANSWER_WORDS,
    "internal": "Something went wrong on our side (ref {ref}).",
    "upgrade_required": "A new version is ready \N{EN DASH} reload.",
    "interrupted": "The answer was cut off by a restart. Try again?",
    "not_found": "That conversation isn't available here.",
    "unavailable": "This site doesn't offer that.",
    "closed": "This conversation is closed. Start a new one.",
    "empty": "Write a message first.",
    "unreadable": "That message holds characters we can't read. Remove them and send it again.",
    "bad_email": "That doesn't look like one e-mail address.",
    "taken": "{who} is answering this conversation.",
    "not_yours": "Take this conversation over first.",
    "nothing_said": "There is nothing to send yet.",
    "too_many_transcripts": "That's as many transcripts as we send for now. You can still download it.",
    "too_many_for_address": "This address has had several transcripts today. You can still download it.",
}
