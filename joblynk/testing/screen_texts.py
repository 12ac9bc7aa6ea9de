"""What the rendered screenshots say, and which articles of the demo help centre explain it."""

from dataclasses import dataclass

CODES = "Error codes"  # the article that explains every code


@dataclass(frozen=True, slots=True)
class Words:
    """`sources` are the titles that are right to be cited."""

    code: str
    title: str
    message: str
    sources: tuple[str, ...] = ()
    label: str = "Error code:"
    menu: tuple[str, ...] = ("Home", "Jobs", "Messages", "Profile", "Help")
    buttons: tuple[str, ...] = ("Try again", "Close")
    footer: str = "© 2026 Joblynk Terms Privacy Imprint"


ENGLISH = (
    Words("E-1001", "We couldn't sign you in", "The e-mail address and the password don't belong together."),
    Words("E-1007", "Your account is locked", "There were too many wrong passwords. Come back in a while."),
    Words("E-1012", "This link has expired", "The sign-in link you opened can't be used any more."),
    Words("E-1015", "That code wasn't accepted", "Type the newest six digits from your authenticator app."),
    Words(
        "E-1023", "No more e-mails today", "We have sent you as many password e-mails as we may in one day."
    ),
    Words("E-1031", "Address already taken", "Another account uses anna.keller@mail.example already."),
    Words(
        "E-1042", "You have been signed out", "Your session has ended because the page was open for too long."
    ),
    Words("E-1048", "Cookies are blocked", "Your browser refused the cookie that keeps you signed in."),
    Words("E-1055", "Use your company's sign-in", "Your organisation only allows single sign-on."),
    Words("E-1061", "Nobody else can be invited", "Every seat of your plan is taken (5 of 5)."),
    Words("E-2003", "Upload failed", "CV_2026_final.pdf is 11.4 MB. That is more than we can take."),
    Words("E-2004", "Upload failed", "We can't open portfolio.pages. Choose another file."),
    Words("E-2007", "We found no words in your CV", "The file seems to hold pictures of pages only."),
    Words("E-2010", "You can't add another CV", "Five CVs are stored in your profile already."),
    Words("E-2015", "Choose a larger photo", "The photo is 320 × 280 pixels."),
    Words("E-3002", "You applied for this job before", "Product Designer, Brightwater GmbH, 14 October 2026"),
    Words("E-3005", "That's enough for today", "You have sent 25 applications since midnight."),
    Words("E-3009", "This job is no longer open", "The employer closed it at 16:42 while you were writing."),
    Words("E-3014", "Somebody was faster", "Tuesday, 10:30 has just been booked by another applicant."),
    Words("E-4001", "Your plan has no job post left", "10 of 10 live posts are in use."),
    Words("E-4006", "Say what the job pays", "The lowest and the highest amount are missing."),
    Words("E-4011", "We couldn't read your feed", "Line 312: the tag <b>salary</b> is never closed."),
    Words("E-5002", "Your card was declined", "The bank refused the charge of EUR 149.00 for November."),
    Words("E-5006", "Check your VAT number", "The register doesn't know DE 811 907 980."),
    Words("E-6001", "Request refused", "HTTP 401: the key jl_live_8f2c is not valid."),
    Words("E-6029", "Slow down", "HTTP 429: more requests a minute than your plan allows."),
    Words("E-9000", "Something went wrong", "It isn't your fault. We are looking into it."),
)

_GERMAN_MENU = ("Übersicht", "Stellen", "Nachrichten", "Persönliches", "Hilfe")


def _german(code: str, title: str, message: str, *buttons: str) -> Words:
    return Words(
        code,
        title,
        message,
        label="Fehlercode:",
        menu=_GERMAN_MENU,
        buttons=buttons or ("Erneut versuchen", "Schließen"),
        footer="© 2026 Joblynk Nutzungsbedingungen Datenschutz Über uns",
    )


GERMAN = (
    _german(
        "E-1042", "Sie wurden abgemeldet", "Die Sitzung ist abgelaufen, weil die Seite zu lange geöffnet war."
    ),
    _german("E-2003", "Hochladen nicht möglich", "Die Datei Lebenslauf_Müller.pdf ist zu groß (11,4 MB)."),
    _german("E-1007", "Ihr Konto ist gesperrt", "Das Passwort wurde zu häufig falsch eingegeben."),
    _german("E-5002", "Zahlung fehlgeschlagen", "Ihre Bank hat die Abbuchung über 149,00 € zurückgewiesen."),
    _german(
        "E-1048",
        "Cookies sind blockiert",
        "Ändern Sie die Einstellungen für joblynk.example.",
        "Später",
        "Öffnen",
    ),
    _german("E-3009", "Stelle geschlossen", "Während Sie schrieben, wurde die Stelle in Köln vergeben."),
    _german(
        "E-4006",
        "Gehalt fehlt",
        "Bitte ergänzen Sie das niedrigste und das höchste Gehalt.",
        "Ergänzen",
        "Zurück",
    ),
    _german(
        "E-1015", "Code ungültig", "Prüfen Sie die Uhrzeit Ihres Geräts und geben Sie den nächsten Code ein."
    ),
    _german(
        "E-3014",
        "Termin nicht mehr verfügbar",
        "Jemand anderes hat Dienstag, 10:30 Uhr gewählt.",
        "Auswählen",
    ),
    _german(
        "E-9000", "Das hätte nicht passieren dürfen", "Ein Fehler auf unserer Seite. Wir kümmern uns darum."
    ),
)
