import pickle

from exchange.sentences import Sentence, gettext_noop


def german(template: str) -> str:
    return {"%(who)s is late (%(why)s).": "%(who)s ist spät (%(why)s).", "rain": "Regen"}.get(
        template, template
    )


def test_it_is_plain_text_in_english() -> None:
    sentence = Sentence(gettext_noop("%(who)s is late (%(why)s)."), who="Ada", why=Sentence("rain"))
    assert sentence == "Ada is late (rain)."
    assert isinstance(sentence, str)


def test_it_can_be_said_in_another_language_with_what_is_in_it() -> None:
    sentence = Sentence("%(who)s is late (%(why)s).", who="Ada", why=Sentence("rain"))
    assert sentence.said_in(german) == "Ada ist spät (Regen)."


def test_a_percent_sign_in_a_value_is_only_a_percent_sign() -> None:
    sentence = Sentence("%(who)s is late (%(why)s).", who="100 %(why)s", why="50 %")
    assert sentence.said_in(german) == "100 %(why)s ist spät (50 %)."


def test_it_survives_a_process_boundary() -> None:
    sentence = Sentence("%(who)s is late (%(why)s).", who="Ada", why=Sentence("rain"))
    assert pickle.loads(pickle.dumps(sentence)).said_in(german) == "Ada ist spät (Regen)."  # noqa: S301 - our own
