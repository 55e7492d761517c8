"""The page on which a buyer pays, and the list of payments, in English and French."""

from html import escape

from .objects import Object

TEXTS = {
    "en": {
        "title": "Fake Stripe",
        "note": "This is the payment service of the demo. No money moves, and no card is needed.",
        "to": "To pay",
        "pay": "Pay",
        "decline": "Decline",
        "pay_later": "Pay later",
        "leave": "Leave without paying",
        "curious": "For curious people",
        "pay_twice": "Pay twice",
        "pay_late": "Answer late",
        "twice_note": "Pays this order on two pages at once. The shop pays the second back.",
        "late_note": "Pays, and then does not answer the shop for 20 seconds.",
        "later_note": "“Pay later” is a payment that a bank confirms later: confirm or refuse it in the list of payments.",
        "declined": "Your card was declined. Try again, or leave.",
        "over": "Nothing can be paid on this page any more.",
        "back": "Back to the shop",
        "all": "All payments",
        "none": "No payments yet.",
        "confirm": "Confirm",
        "fail": "Refuse",
        "dispute": "Dispute",
        "fail_refund": "Let the refund fail",
        "won": "Shop wins the dispute",
        "lost": "Shop loses the dispute",
        "open": "open",
        "expired": "ended",
        "paid": "paid",
        "refunded": "paid back",
        "processing": "waits for the bank",
        "failed": "refused by the bank",
        "disputed": "disputed",
    },
    "fr": {
        "title": "Faux Stripe",
        "note": "Voici le service de paiement de la démonstration. Aucun argent ne circule, aucune carte n’est nécessaire.",
        "to": "À payer",
        "pay": "Payer",
        "decline": "Refuser la carte",
        "pay_later": "Payer plus tard",
        "leave": "Quitter sans payer",
        "curious": "Pour les curieux",
        "pay_twice": "Payer deux fois",
        "pay_late": "Répondre en retard",
        "twice_note": "Paie cette commande sur deux pages à la fois. La boutique rembourse le second paiement.",
        "late_note": "Paie, puis ne répond pas à la boutique pendant 20 secondes.",
        "later_note": "« Payer plus tard » est un paiement que la banque confirme ensuite : confirmez-le ou refusez-le dans la liste des paiements.",
        "declined": "Votre carte a été refusée. Essayez encore, ou quittez cette page.",
        "over": "Plus rien ne peut être payé sur cette page.",
        "back": "Retour à la boutique",
        "all": "Tous les paiements",
        "none": "Aucun paiement pour l’instant.",
        "confirm": "Confirmer",
        "fail": "Refuser",
        "dispute": "Contester",
        "fail_refund": "Faire échouer le remboursement",
        "won": "La boutique gagne la contestation",
        "lost": "La boutique perd la contestation",
        "open": "ouvert",
        "expired": "terminé",
        "paid": "payé",
        "refunded": "remboursé",
        "processing": "attend la banque",
        "failed": "refusé par la banque",
        "disputed": "contesté",
    },
}
STYLE = """
:root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 34rem; padding: 1.5rem 1rem; }
h1 { font-size: 1.375rem; margin: 0; }
.amount { font-size: 2rem; font-weight: 700; margin: 0 0 1rem; }
.note, .small { color: light-dark(#4b5563, #a9b4c2); margin-top: 0.25rem; }
.bad { border-left: 0.25rem solid light-dark(#b3261e, #ffb4ab); padding-left: 0.75rem; }
form { display: grid; gap: 0.75rem; margin: 1rem 0; }
button { font: inherit; min-height: 2.75rem; border-radius: 0.5rem; padding: 0.25rem 1rem; border: 1px solid currentColor;
  background: transparent; color: inherit; cursor: pointer; }
button.main { background: light-dark(#0d5568, #9fd3e0); color: light-dark(#fff, #04222b); border-color: transparent; font-weight: 700; }
.row { border-top: 1px solid light-dark(#c3cad3, #4a5563); padding: 0.75rem 0; }
.row form { display: flex; flex-wrap: wrap; margin: 0.5rem 0 0; }
summary { cursor: pointer; min-height: 2rem; }
a { color: light-dark(#0d5568, #9fd3e0); }
"""


def texts(language: object) -> dict[str, str]:
    """Return the texts in a language; in English if there are none."""
    return TEXTS.get(str(language), TEXTS["en"])


def _page(language: object, body: str) -> bytes:
    words = texts(language)
    code = language if language in TEXTS else "en"
    head = f'<meta charset="utf-8"><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width"><title>{words["title"]}</title>'
    return f'<!doctype html><html lang="{code}"><head>{head}<style>{STYLE}</style></head><body><main>{body}</main></body></html>'.encode()


def _amount(session: Object, language: object) -> str:
    currency, figures = session["currency"].upper(), f"{session['amount_total'] / 100:.2f}"
    if language == "fr":
        return f"{figures.replace('.', ',')}\N{NO-BREAK SPACE}{currency}"
    return f"{currency}\N{NO-BREAK SPACE}{figures}"


def _button(words: dict[str, str], name: str) -> str:
    kind = "main" if name == "pay" else ""
    return f'<button name="do" value="{name}" class="{kind}">{words[name]}</button>'


def to_pay(session: Object, titles: list[str], *, declined: bool) -> bytes:
    """Return the page on which a session is paid."""
    words = texts(session["locale"])
    parts = [f"<h1>{words['title']}</h1><p class='note'>{words['note']}</p>"]
    if session["status"] != "open":
        parts.append(
            f"<p>{words['over']}</p><p><a href='{escape(session['success_url'])}'>{words['back']}</a></p>"
        )
        return _page(session["locale"], "".join(parts))
    if declined:
        parts.append(f"<p class='bad' role='alert'>{words['declined']}</p>")
    lines = "".join(f"<li>{escape(title)}</li>" for title in titles)
    parts.append(
        f"<p>{words['to']}</p><p class='amount'>{_amount(session, session['locale'])}</p><ul>{lines}</ul>"
    )
    parts.append(
        f"<form method='post'>{_button(words, 'pay')}{_button(words, 'decline')}{_button(words, 'pay_later')}</form>"
        f"<p><a href='{escape(session['cancel_url'] or session['success_url'])}'>{words['leave']}</a></p>"
        f"<details><summary>{words['curious']}</summary><form method='post'>"
        f"{_button(words, 'pay_twice')}<span class='small'>{words['twice_note']}</span>"
        f"{_button(words, 'pay_late')}<span class='small'>{words['late_note']}</span></form>"
        f"<p class='small'>{words['later_note']}</p><p><a href='/'>{words['all']}</a></p></details>"
    )
    return _page(session["locale"], "".join(parts))


def payments(rows: list[tuple[Object, str]], language: str) -> bytes:
    """Return the list of payments: pairs of a session and its state, one of the keys of ``TEXTS``."""
    words = texts(language)
    parts = [f"<h1>{words['all']}</h1><p class='note'>{words['note']}</p>"]
    actions = {
        "processing": ("confirm", "fail"),
        "paid": ("dispute",),
        "refunded": ("dispute", "fail_refund"),
        "disputed": ("won", "lost"),
    }
    for session, state in rows:
        buttons = "".join(_button(words, name) for name in actions.get(state, ()))
        form = f"<form method='post' action='/pay/{session['id']}'>{buttons}</form>" if buttons else ""
        reference = escape(str(session["client_reference_id"] or session["id"]))
        parts.append(
            f"<div class='row'><strong>{reference}</strong> · {_amount(session, language)} · {words[state]}{form}</div>"
        )
    if not rows:
        parts.append(f"<p>{words['none']}</p>")
    return _page(language, "".join(parts))
