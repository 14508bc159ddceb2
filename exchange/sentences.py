"""Sentences for a person, in English, that can be said in another language by the program that shows them."""

from collections.abc import Callable
from typing import Self


def gettext_noop(template: str) -> str:
    """Mark a template for translation: xgettext finds it by this name."""
    return template


class Sentence(str):
    """A text that remembers its template and what was put into it; otherwise a plain str.

    `Sentence("The Exchange at %(base_url)s …", base_url=url)`. What is put in may be a Sentence too.
    """

    __slots__ = ("template", "values")

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> Self:
        sentence = super().__new__(cls, template % values)
        sentence.template = template
        sentence.values = values
        return sentence

    def said_in(self, translate: Callable[[str], str]) -> str:
        """The sentence with its template, and those of the sentences in it, translated (`gettext`)."""
        said = {
            name: value.said_in(translate) if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }
        return translate(self.template) % said

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.template, self.values)


def _rebuild(template: str, values: dict[str, object]) -> Sentence:
    return Sentence(template, **values)
