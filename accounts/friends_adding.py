"""The page that adds a person to friends and family."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from contacts import adding

from .friends_access import asked, my_contact_here
from .friends_forms import NewPersonForm

# In the log-in session: what was typed before the visitor was asked for their own name, until the form is drawn again.
TYPED = "person_typed"
FIELDS = ("email", "last_name", "first_name", "no_email", "birth_date")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request, pos):
    """Add a person; the result is on screen at once."""
    contact = my_contact_here(request)
    if not contact.first_name:
        return ask_own_name(request)
    form = NewPersonForm(
        posted_values(request.POST) if request.method == "POST" else None,
        initial=request.session.pop(TYPED, {}),
        single_part_names=request.pos.organiser.single_part_names,
    )
    outcome = None
    if request.method == "POST" and form.is_valid():
        outcome = add(request, contact, form)
        if outcome.code == adding.LINKED:
            name = f"{form.cleaned_data['first_name']} {form.cleaned_data['last_name']}".strip()
            messages.success(
                request, _("%(name)s has been added to your friends and family.") % {"name": name}
            )
            return redirect("account:friends", pos=pos)
        say_why(form, outcome, request.pos)
    context = {
        "form": form,
        "section": "friends",
        "has_errors": bool(form.errors),
        "same_child": getattr(form, "same_child", False),
        "mismatch": outcome is not None and outcome.code == adding.MISMATCH,
    }
    return render(request, "accounts/friends_new.html", context)


def ask_own_name(request):
    """Lead to the profile, which leads back: the added person is told who added them. Keep what was typed meanwhile."""
    typed = {name: request.POST[name][:254] for name in FIELDS if request.POST.get(name)}
    if typed:
        request.session[TYPED] = typed
    messages.info(request, _("Tell us your own name first: we mention it to the person you add."))
    return redirect(f"/{request.pos.slug}/account/profile/?then=friends")


def posted_values(posted):
    """Return what was posted; with the button “Add without an e-mail address”, without the address."""
    if "without_email" not in posted:
        return posted
    values = posted.copy()
    values["email"], values["no_email"] = "", "on"
    return values


def add(request, contact, form: NewPersonForm) -> adding.Outcome:
    values = form.cleaned_data
    person = adding.Person(
        values["first_name"], values["last_name"], values["email"], values["no_email"], values["birth_date"]
    )
    return adding.add(contact, person, asked(request), now=timezone.now(), confirmed=values["confirmed"])


def say_why(form: NewPersonForm, outcome: adding.Outcome, pos) -> None:
    """Add the message of an outcome to the field that it concerns."""
    if outcome.code == adding.SAME_CHILD:
        # Asking again is a choice, not a mistake: the next post says that it was meant.
        form.data = {**form.data.dict(), "confirmed": "on"}
        form.same_child = True
        form.add_error(
            "first_name",
            _(
                "A person of this name and date of birth is in your list already. Send again to add another one."
            ),
        )
        return
    most = pos.friends_family_max
    texts = {
        adding.MISMATCH: (
            "email",
            _("This e-mail address is already in use and does not match the name you entered."),
        ),
        adding.OWN_ADDRESS: ("email", _("This is your own address.")),
        adding.ALREADY: ("email", _("This person is already in your list.")),
        adding.FULL: (
            None,
            ngettext(
                "Your list holds %(count)d person, the most it can. Remove somebody first.",
                "Your list holds %(count)d people, the most it can. Remove somebody first.",
                most,
            )
            % {"count": most},
        ),
        adding.TRY_LATER: (None, try_later(outcome)),
        adding.UNVERIFIED: (
            None,
            _("Confirm your own e-mail address first. In your profile you choose where we write to you."),
        ),
        adding.BLOCKED: (None, _("You can’t add people at the moment. Please write to us.")),
    }
    form.add_error(*texts[outcome.code])


def try_later(outcome: adding.Outcome) -> str:
    """Return the message about a limit; it names the visitor only where they reached it themselves."""
    if outcome.limit == adding.OWN_LIMIT:
        return _("You have added, or tried to add, many people. Please try again later.")
    return _(
        "Many people were added, or tried, from your network or with this e-mail address. Please try again later."
    )
