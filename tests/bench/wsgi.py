"""The shop's application, with the yardsticks under ``/hello/`` and ``/plain/``."""

from ticketshop.wsgi import application as shop

from . import yardstick

HELLO, PLAIN = yardstick.handler([]), yardstick.handler(yardstick.USUAL)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/hello/"):
        return HELLO(environ, start_response)
    return (PLAIN if path.startswith("/plain/") else shop)(environ, start_response)
