"""Exporting in a real Chromium, without scripts too: asked for, watched, fetched."""

from tests.browser.steps import sign_in
from tests.browser.test_backoffice import faults
from tests.exports import steps
from tests.factories import registration_forms as made
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.staff import change, listing
from ticketshop.exports.models import Job


def prepare(shop):
    """A form with an answer, asked at the tariff from now on."""
    form = made.make_form("tariff", organiser=shop.pos.organiser, name="Participants")
    menu = made.ask(form, "Menu", "dropdown", choices=["Vegan", "Meat"])
    made.ask(form, "Allergies", sensitive=True, purpose="The kitchen", retention_days=28)
    order = make_order({shop.adult: 2}, paid=True)
    version = made.publish(form)
    for ticket in order.tickets.all():
        steps.answer(ticket, version, {menu.key: menu.choices.first().key})
    shop.adult.tariff.form = form
    shop.adult.tariff.save()
    return form


def test_the_pages_of_an_export(shop, browse):
    form, owner = prepare(shop), make_staff(shop.pos.organiser)
    wrong = []
    with browse() as page:
        sign_in(page, owner, change(form))
        page.locator(".row-buttons").get_by_role("link", name="Export").click()
        page.get_by_label("Participants: a row for every ticket").check()
        page.get_by_label("Sensitive answers too").check()
        page.locator("#content-main").get_by_role("button", name="Export").click()
        assert "Enter what you need the sensitive answers for." in page.locator("#content").inner_text()
        wrong += faults(page)
        page.get_by_label("What you need the sensitive answers for").fill("The caterer")
        page.locator("#content-main").get_by_role("button", name="Export").click()
        job = Job.objects.get()
        page.wait_for_url(f"**{change(job)}")
        wrong += faults(page)
        steps.done(job)
        page.get_by_role("link", name="Look again").click()
        wrong += faults(page)
        with page.expect_download() as fetched:
            page.get_by_role("button", name="Download").click()
        assert fetched.value.suggested_filename.endswith(".xlsx")
        page.goto(change(job))
        assert owner.email in page.locator("#content").inner_text()
        page.goto(f"/admin/exports/job/{job.pk}/download/")
        wrong += faults(page)
        page.goto(listing(Job))
        wrong += faults(page)
        page.goto("/admin/sales/customer/")
        page.get_by_role("link", name="Export", exact=True).click()
        wrong += faults(page)
    assert wrong == [], "\n".join(wrong)


def test_without_scripts_an_export_is_asked_for_and_fetched(shop, browse):
    form, owner = prepare(shop), make_staff(shop.pos.organiser)
    with browse(script=False) as page:
        sign_in(page, owner, f"/admin/registration_forms/registrationform/{form.pk}/export/")
        page.get_by_label("Participants: a row for every ticket").check()
        page.get_by_label("CSV for programs").check()
        page.locator("#content-main").get_by_role("button", name="Export").click()
        job = Job.objects.get()
        assert "waits for its turn" in page.locator("#content").inner_text()
        steps.done(job)
        page.get_by_role("link", name="Look again").click()
        with page.expect_download() as fetched:
            page.get_by_role("button", name="Download").click()
        found = steps.Read(fetched.value.path().read_bytes())
    assert found.column(form.fields.get(label="Menu").key) == ["Vegan", "Vegan"]
