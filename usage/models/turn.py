from __future__ import annotations

from django.db import models


class Turn(models.Model):
    """Whose turn it is to do what only one process does at a time; free again after ``until``.

    A row stays when its turn is over: there is one for each thing that is done.
    """

    name = models.CharField(max_length=100, primary_key=True)
    # another one at each taking: who comes back late finds it taken
    holder = models.UUIDField(null=True, editable=False)
    until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "turn"
        verbose_name_plural = "turns"

    def __str__(self) -> str:
        return self.name
