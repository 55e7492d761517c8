"""The search for technical codes in a page finds them. ``test_pages.py`` searches all pages."""

from django.http import HttpResponse

from tests.project.codes import codes_in


def test_code_in_the_text_is_found():
    page = HttpResponse('<p class="a_b">state: link_new, Theatre_, well-known</p><script>no_code</script>')
    assert codes_in(page) == ["link_new"]
