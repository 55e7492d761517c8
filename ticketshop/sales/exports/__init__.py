"""What can be exported of what was sold and asked: iterators of rows, registered as kinds of ``ticketshop.exports``.

``scope`` says which rows, ``columns`` reads answers, and one module for each kind puts its rows together.
"""
