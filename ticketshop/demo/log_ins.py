"""The log-ins of the demo. The password is public, so they must not exist anywhere else."""

PASSWORD = "demo-ticketshop"  # noqa: S105  meant to be known
LOG_INS = [
    ("alice@example.org", "visitor of the theatre, with friends and family and past orders"),
    ("bob@example.org", "visitor, linked by Alice"),
    ("charlie@example.org", "visitor without links"),
    ("owner@theatre.example", "owner of Théâtre du Lac"),
    ("office@theatre.example", "back office of Théâtre du Lac"),
    ("box@theatre.example", "box office of Théâtre du Lac"),
    ("door@theatre.example", "entry control of Théâtre du Lac, at /door/"),
    ("owner@festival.example", "owner of Seeklang Festival"),
    ("admin@example.org", "administrator of the platform"),
]
