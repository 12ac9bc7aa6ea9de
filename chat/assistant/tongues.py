"""The refusal for who asks in another language. The guides and the search are English: a question in German
finds nothing, and "I couldn't find this" alone would not say why."""

import re

from chat.assistant.vocabulary import vocabulary

_WORD = re.compile(r"[^\W\d_]+")
_ENOUGH = 2
"""Words of a language that tell it; one may be a name."""
_ENGLISH = vocabulary(
    """a an and are at be can cannot do does for from have how i in is it me my not of on or so the
    there this to we what when where which who why will with you your"""
)
_COMMON = {
    "de": vocabulary(
        """aber auf aus bei bin bitte das dass dem den der die ein eine einen er es für gibt habe haben hat
        ich ihr ist kann kein keine können man mein meine meinen mich mir mit nach nicht noch oder sich
        sie sind soll und von wann warum was welche wenn wer werden wie wird wo wurde zu zum zur über"""
    ),
    "fr": vocabulary(
        """au aux avec ce ces cette comment dans de des du elle en est et il ils je la le les leur ma
        mes mon ne nous ou où par pas peut peux plus pour pourquoi qu quand que quel quelle qui quoi
        sur un une vous"""
    ),
    "es": vocabulary(
        """al como con cuando cuál cuándo cuánto cómo de del dónde el ella en es esta está este hay la las lo
        los me mi mis no para pero por porque puedo que qué quién se sin son su tengo un una ya yo"""
    ),
    "it": vocabulary(
        """al alla anche che chi ci come con cosa da dal dei del della di dove gli ho il in io la le lo ma mi
        mia mie miei mio nel nella non per perché posso quale quando quanto si sono su un una"""
    ),
    "pt": vocabulary(
        """ao as com como da das de do dos ela em eu foi há isso já mas me meu meus minha minhas na no não
        onde os ou para pelo por porque posso qual quando quanto que quem se sem tem tenho um uma você"""
    ),
    "nl": vocabulary(
        """aan als bij dan dat de deze die dit een en er ge geen heb heeft het hoe hij ik in is je kan kunnen
        maar met mij mijn naar niet of om ons op te tot uit van voor waar waarom wanneer wat welke wie
        wordt ze zijn"""
    ),
    "pl": vocabulary(
        """ale bez być co czy dla do gdzie ile ja jak jaki jakie jest jeśli kiedy kto które który ma mam mi
        moje mogę mój na nie od po się są ta tak to za że"""
    ),
}
_REFUSALS = {
    "de": "Ich kann leider nur auf Englisch antworten. Stellen Sie Ihre Frage bitte auf Englisch, oder soll "
    "ich einen Menschen fragen?",
    "fr": "Je ne peux répondre qu’en anglais. Posez votre question en anglais, ou dois-je demander à une "
    "personne ?",
    "es": "Solo puedo responder en inglés. Haga su pregunta en inglés, ¿o prefiere que pregunte a una "
    "persona?",
    "it": "Posso rispondere solo in inglese. Scriva la domanda in inglese, oppure devo chiedere a una "
    "persona?",
    "pt": "Só consigo responder em inglês. Escreva a sua pergunta em inglês, ou quer que eu pergunte a uma "
    "pessoa?",
    "nl": "Ik kan alleen in het Engels antwoorden. Stel uw vraag in het Engels, of zal ik het aan een "
    "medewerker vragen?",
    "pl": "Odpowiadam tylko po angielsku. Proszę zadać pytanie po angielsku, czy mam zapytać człowieka?",
}


def refusal(question: str, english: str) -> str:
    """In the question's language, that it is not understood; `english` for a question in English, or in no
    language that is told for sure."""
    words = _WORD.findall(question.lower())
    found = {tongue: sum(word in common for word in words) for tongue, common in _COMMON.items()}
    best = max(found, key=found.__getitem__)
    least = max(_ENOUGH, sum(word in _ENGLISH for word in words) + 1)
    return _REFUSALS[best] if found[best] >= least else english
