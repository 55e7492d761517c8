"""The page that adds a person to friends and family."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from contacts.linking import adding
from ticketshop.lib.web import language_choice

from .access import my_contact_here, requester_of
from .forms import NewPersonForm
from .messages import add_error_for

# Key in the session: the values of the form while the visitor enters their own name in the profile.
TYPED = "person_typed"
FIELDS = ("email", "last_name", "first_name", "no_email", "birth_date")


@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def new(request, pos):
    """Show the form; on POST add the person and tell the outcome."""
    contact = my_contact_here(request)
    if not contact.first_name:
        return ask_own_name(request)
    form = NewPersonForm(
        posted_values(request.POST) if request.method == "POST" else None,
        initial=request.session.pop(TYPED, {}),
        single_part_names=request.pos.organiser.single_part_names,
    )
    outcome = None
    if language_choice.is_chosen(request):
        language_choice.as_typed(form)
    elif request.method == "POST" and form.is_valid():
        outcome = add(request, contact, form)
        if outcome.code == adding.LINKED:
            name = f"{form.cleaned_data['first_name']} {form.cleaned_data['last_name']}".strip()
            messages.success(
                request, _("%(name)s has been added to your friends and family.") % {"name": name}
            )
            return redirect("account:friends", pos=pos)
        add_error_for(form, outcome, request.pos)
    context = {
        "form": form,
        "section": "friends",
        "has_errors": bool(form.errors),
        "same_child": getattr(form, "same_child", False),
        "shared": outcome is not None and outcome.code in (adding.MISMATCH, adding.OWN_ADDRESS),
    }
    return render(request, "accounts/friends_new.html", context)


def ask_own_name(request):
    """Redirect to the profile, which leads back here, and keep what was typed in the session.

    A name is needed because the mail to the added person contains it.
    """
    typed = {name: request.POST[name][:254] for name in FIELDS if request.POST.get(name)}
    if typed:
        request.session[TYPED] = typed
    messages.info(request, _("Tell us your own name first: we mention it to the person you add."))
    return redirect(f"/{request.pos.slug}/account/profile/?then=friends")


def posted_values(posted):
    """Return the posted values; without the e-mail address if “Add without an e-mail address” was pressed."""
    if "without_email" not in posted:
        return posted
    values = posted.copy()
    values["email"], values["no_email"] = "", "on"
    return values


def add(request, contact, form: NewPersonForm) -> adding.Outcome:
    """Add the person of a valid form to the visitor's list and return the outcome."""
    values = form.cleaned_data
    person = adding.Person(
        values["first_name"], values["last_name"], values["email"], values["no_email"], values["birth_date"]
    )
    return adding.add(
        contact, person, requester_of(request), now=timezone.now(), confirmed=values["confirmed"]
    )
