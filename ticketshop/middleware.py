"""What holds for every answer of the installation."""


def private_pages(get_response):
    """A page with a name or a form of one person on it is never kept by anybody else."""

    def middleware(request):
        response = get_response(request)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response

    return middleware
