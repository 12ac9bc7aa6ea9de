"""Put transcripts into the outbox of a real site: `python -m chat.tests.fill_outbox COUNT`."""

import sys


def main(count: int) -> None:
    import django

    django.setup()
    from chat.tests.mailing import a_talk, asked

    for number in range(count):
        asked(
            a_talk(visitor=f"{number:032}", question=f"Question {number}?"), f"customer{number}@mail.example"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
