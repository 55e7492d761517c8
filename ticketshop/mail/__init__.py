"""E-mails: a row per mail, a job that sends it, and one layout for all mails.

How to add a mail:

1. Write a builder in ``emails.py`` of your package and register it with ``kinds.register("my_kind", _("Label"))``. It is
   called with the Mail row just before the mail is sent and returns ``kinds.Content(context)``, or None to send nothing.
2. Write ``templates/emails/my_kind.subject.txt`` (one line, ``autoescape off``) and ``templates/emails/my_kind.html``, which
   extends ``emails/base.html`` and fills two blocks: ``heading`` (a few words) and ``text``. There is no third file: the
   text part is made from the HTML part (``plain_text.py``), so that both have the same content.
3. In the block ``text`` use plain ``<p>``, ``<ul>``, ``<strong>`` and ``<bdi>`` around text that people typed, and three parts:
   ``{% include "emails/parts/button.html" with href=url label=_("Open your order") %}`` (never a bare URL: it is wider
   than a phone), ``{% include "emails/parts/cards.html" %}`` for a list ``cards`` of ``layout.Card``, and
   ``{% include "emails/parts/hello.html" with person=contact %}`` for the greeting.
4. Queue it with ``outbox.queue("my_kind", …)`` in the transaction of the change it is about.
5. Add an example to ``tests/mail/examples.py``: the tests of the layout then check the new mail too.

The context always has ``pos`` (may be None), ``base_url``, ``site_name``, ``subject`` and ``look`` (the shop's colours).
"""
